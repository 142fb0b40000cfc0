import ArgumentParser
import JOSE

/// `legate revoke`
struct Revoke: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "End what has been issued: to a client, in a task, for a user …",
        discussion: """
            Example:
              legate revoke client planner --reason "key leaked"
              legate revoke task planner/invoice-42
              legate revoke subject 'corp|alice'

            agent, task and session are CLIENT/NAME, a subject is ISSUER|SUB. It is in force when the command returns.
            """
    )

    @Argument(help: "client, agent, task, session, delegation, subject, issuer, key or token.")
    var kind: RevocationKind

    @Argument(help: "Which one.")
    var id: String

    @Option(help: ArgumentHelp("Why, for the audit trail.", valueName: "text"))
    var reason: String?

    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        .card(try await server.post("revocations", document))
    }

    var document: JSONObject {
        var document: JSONObject = ["kind": .string(kind.rawValue), "id": .string(id)]
        document.set("reason", reason)
        return document
    }
}
