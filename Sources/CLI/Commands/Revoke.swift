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

/// `legate revocations`
struct Revocations: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "revocations",
        abstract: "List what is revoked, oldest first.",
        discussion: """
            Example:
              legate revocations --after 120
            """
    )

    @Option(help: ArgumentHelp("Only those after this one.", valueName: "seq"))
    var after: Int64?

    @OptionGroup var page: ListOptions
    @OptionGroup var connection: ConnectionOptions

    static let columns: [Table.Column] = [
        .init("SEQ", "seq"), .init("KIND", "kind"), .init("ID", "id"), .init("ISSUED BEFORE", "issued_before"),
        .init("EXPIRES", "expires"), .init("REASON", "reason"),
    ]

    func answer(from server: AdminClient) async throws -> Answer {
        .list(try await server.list("revocations", [("after", after.map(String.init))], page), Self.columns)
    }
}
