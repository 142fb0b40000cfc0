import ArgumentParser
import JOSE

/// `legate revocations`
struct Revocations: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "revocations",
        abstract: "List what is revoked, oldest first.",
        discussion: """
            Example:
              legate revocations --after 120
              legate revocations --follow

            --follow goes on until it is interrupted; in a pipe it writes one JSON tombstone a line.
            """
    )

    @Option(help: ArgumentHelp("Only those after this one.", valueName: "seq"))
    var after: Int64?

    @Flag(help: "Wait for new ones and show them as they come.")
    var follow = false

    @OptionGroup var page: ListOptions
    @OptionGroup var connection: ConnectionOptions

    static let columns: [Table.Column] = [
        .init("SEQ", "seq"), .init("KIND", "kind"), .init("ID", "id"), .init("ISSUED BEFORE", "issued_before"),
        .init("EXPIRES", "expires"), .init("REASON", "reason"),
    ]

    func validate() throws {
        if follow, page.limit != nil || page.cursor != nil {
            throw ValidationError("--follow cannot be given together with --limit or --cursor")
        }
    }

    func run() async throws {
        if follow {
            let (after, connection) = (after, connection)
            try await Following.untilInterrupted {
                try await connection.withServer { server in
                    let printer = connection.printer
                    try await Following.items(of: "revocations", after: after, from: server, note: printer.note) {
                        try Printer.write(Self.columns.line($0, printer.format) + "\n")
                    }
                }
            }
        } else {
            let found: Answer = try await connection.withServer { try await self.answer(from: $0) }
            try connection.printer.print(found)
        }
    }

    func answer(from server: AdminClient) async throws -> Answer {
        .list(try await server.list("revocations", [("after", after.map(String.init))], page), Self.columns)
    }
}
