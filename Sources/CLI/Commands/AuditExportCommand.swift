import ArgumentParser
import JOSE

/// `legate audit export`
struct AuditExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the trail as JSON lines, a signed checkpoint last.",
        discussion: """
            Example:
              legate audit export > events.jsonl
              legate audit export --since 24h > today.jsonl
            """
    )

    @Option(help: ArgumentHelp("Only since this UTC time, or since so long ago: 24h.", valueName: "time"))
    var since: TimeArgument?

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var lines = LineSplitter()
        var last: [UInt8] = []
        try await connection.withServer { server in
            try await server.stream("audit/export", [("since", since?.text)]) { bytes in
                try Printer.write(bytes)
                lines.take(bytes) { last = $0 }
            }
        }
        lines.finish { last = $0 }
        guard let end = (try? JSON(parsing: last))?.object, end.count == 1, end["checkpoint"] != nil else {
            throw CommandFailure("the export broke off: its last line is not a checkpoint")
        }
    }
}
