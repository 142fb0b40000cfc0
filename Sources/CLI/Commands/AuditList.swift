import ArgumentParser
import JOSE

/// `legate audit list`
struct AuditList: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List audit records, newest last.",
        discussion: """
            Example:
              legate audit list --client planner --decision deny --since 1h
              legate audit list --since 2026-11-21T08:00:00Z --follow

            --follow goes on until it is interrupted; in a pipe it writes one JSON record a line.
            """
    )

    @Option(help: ArgumentHelp("Only what this client did.", valueName: "id"))
    var client: String?

    @Option(help: ArgumentHelp("Only on behalf of this user, ISSUER|SUB.", valueName: "subject"))
    var subject: String?

    @Option(help: ArgumentHelp("Only under this delegation.", valueName: "id"))
    var delegation: String?

    @Option(help: ArgumentHelp("Only in this task, CLIENT/TASK.", valueName: "id"))
    var task: String?

    @Option(help: "Only what was allowed, or denied.")
    var decision: DecisionName?

    @Option(help: ArgumentHelp("Only since this UTC time, or since so long ago: 1h.", valueName: "time"))
    var since: TimeArgument?

    @Option(help: ArgumentHelp("Only records after this one.", valueName: "seq"))
    var after: Int64?

    @Flag(help: "Wait for new records and show them as they come.")
    var follow = false

    @OptionGroup var page: ListOptions
    @OptionGroup var connection: ConnectionOptions

    static let columns: [Table.Column] = [
        .init("SEQ", "seq"), .init("TIME", "timestamp"), .init("EVENT", "event"), .init("DECISION", "decision"),
        .init("CLIENT", "client_id"), .init("USER", "delegating_user"), .init("WHAT", AuditText.what),
    ]

    func validate() throws {
        if follow, page.limit != nil || page.cursor != nil {
            throw ValidationError("--follow cannot be given together with --limit or --cursor")
        }
    }

    func run() async throws {
        if follow {
            let (command, connection) = (self, connection)
            try await Following.untilInterrupted {
                try await connection.withServer { try await command.follow($0) }
            }
        } else {
            let found: Answer = try await connection.withServer { try await self.answer(from: $0) }
            try connection.printer.print(found)
        }
    }

    func answer(from server: AdminClient) async throws -> Answer {
        .list(
            try await server.list("audit", query + [("after", after.map(String.init))], page), Self.columns
        )
    }

    private func follow(_ server: AdminClient) async throws {
        let printer = connection.printer
        try await Following.items(of: "audit", after: after, where: query, from: server, note: printer.note) {
            try Printer.write(Self.columns.line($0, printer.format) + "\n")
        }
    }

    var query: [(name: String, value: String?)] {
        [
            ("client_id", client), ("subject", subject), ("delegation_id", delegation), ("task_id", task),
            ("decision", decision?.rawValue), ("since", since?.text),
        ]
    }
}

/// Audit records in words.
enum AuditText {
    /// What it was about: the token and its scopes, what was changed, or why it was refused.
    static func what(_ record: JSONObject) -> String {
        var parts: [String] = []
        if let target = record["target"]?.string { parts.append(target) }
        if let resource = record["resource"]?.string { parts.append(resource) }
        if let scope = record["scope_granted"]?.string { parts.append("[\(scope)]") }
        if record["decision"]?.string == "deny", let reason = reason(record) { parts.append(reason) }
        if let context = record["request_context"]?.string { parts.append("“\(context)”") }
        return parts.isEmpty ? "-" : parts.joined(separator: " ")
    }

    static func reason(_ record: JSONObject) -> String? {
        guard let evaluation = record["policy_evaluation"]?.object else { return nil }
        return evaluation["reason"]?.string ?? evaluation["rule"]?.string
    }
}
