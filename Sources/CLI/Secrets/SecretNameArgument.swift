import ArgumentParser
import OAuth

/// The name of a secret on the command line, such as `payments/stripe`.
struct SecretNameArgument: ExplainedArgument, Equatable, Sendable, CustomStringConvertible {
    let name: SecretName

    static let form = SecretName.form

    /// Nil when it is no name: it will stand in a path.
    init?(argument: String) {
        guard let name = SecretName(argument) else { return nil }
        self.name = name
    }

    var description: String { name.text }

    /// Where something of it is in the vault's API: the verb comes first.
    func path(_ verb: String) -> String { verb + "/" + name.text }
}
