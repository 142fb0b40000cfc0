import ArgumentParser
import JOSE

/// `legate secret rotate`
struct SecretRotate: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Give a secret that Legate makes itself a new value now.",
        discussion: """
            Example:
              legate secret rotate db/password

            The value before can still be read until its grace ends. When the webhook of the secret does not agree, the \
            old value stays the current one, the rotation is tried again, and the exit code is 1.
            """
    )

    @Argument(help: "Its name.")
    var name: SecretNameArgument

    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        let answer = try await server.vault("POST", name.path("rotate"))
        var shown = Answer.card(answer)
        if answer.object?["rotated"]?.bool == false {
            shown.failure = "\(name) is not rotated yet: \(answer.object?["reason"]?.string ?? "it is tried again")"
        }
        return shown
    }
}
