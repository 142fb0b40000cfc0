import ArgumentParser
import JOSE
import OAuth
import Vault

/// One value that was found in a file, and the name that it will have.
struct FoundSecret: Sendable {
    let name: SecretName
    let value: Secret
}

/// What a file holds: values, places without one, and whatever could not be understood. Never a value in a text.
struct ImportFile: Sendable {
    /// Why one place of the file cannot be taken.
    struct Problem: Sendable, Equatable, CustomStringConvertible {
        /// Where: `line 3`, or a path within the document.
        let place: String
        let reason: String

        var description: String { "\(place): \(reason)" }
    }

    private(set) var secrets: [FoundSecret] = []
    private(set) var skipped: [Problem] = []
    private(set) var problems: [Problem] = []
    private let prefix: String?
    private var seen: Set<String> = []

    /// - Parameter prefix: what all names begin with, without a slash at its end; nil for nothing.
    init(prefix: String?) { self.prefix = prefix }

    /// Takes a value under the name that it has in the file, which may be empty: then the prefix alone is its name.
    mutating func found(_ value: [UInt8], named name: String, at place: String) {
        let path = [prefix ?? "", name].filter { !$0.isEmpty }.joined(separator: "/")
        guard let name = SecretName(path) else {
            return refuse(place, "\(Printable.text(path)) is not a name for a secret: \(SecretName.form)")
        }
        guard !value.isEmpty else { return skip(place, "\(path) has no value") }
        guard value.count <= VaultSecret.longestValue else {
            return refuse(place, "the value is longer than \(VaultSecret.longestValue) bytes")
        }
        guard seen.insert(path).inserted else { return refuse(place, "\(path) is there twice") }
        secrets.append(FoundSecret(name: name, value: Secret(value)))
    }

    mutating func refuse(_ place: String, _ reason: String) { problems.append(Problem(place: place, reason: reason)) }

    mutating func skip(_ place: String, _ reason: String) { skipped.append(Problem(place: place, reason: reason)) }
}

/// The forms of files that `legate secret import` reads.
enum ImportFormat: String, CaseIterable, ExpressibleByArgument {
    case env
    case json
    case openbao

    /// Reads a whole file.
    func read(_ bytes: [UInt8], prefix: String?) -> ImportFile {
        var file = ImportFile(prefix: prefix)
        switch self {
        case .env: DotEnv.read(bytes, into: &file)
        case .json: JSONSecrets.read(bytes, into: &file)
        case .openbao: OpenBaoSecrets.read(bytes, into: &file)
        }
        return file
    }
}
