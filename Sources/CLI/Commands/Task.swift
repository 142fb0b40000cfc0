import ArgumentParser
import JOSE
import OAuth

/// `legate task`
struct TaskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "task",
        abstract: "Pieces of work: end them.",
        discussion: """
            Example:
              legate task complete planner/invoice-42
            """,
        subcommands: [Complete.self]
    )

    struct Complete: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a task: its tokens die at every client that took part, and its name is closed.",
            discussion: """
                Example:
                  legate task complete planner/invoice-42 --reason "wrong invoice"
                  legate task complete invoice-42 --client planner \\
                      --secret-file planner.secret

                CLIENT/NAME is ended as an operator; NAME is a task of the client itself, whose credentials are those of \
                the profile or of --client.
                """
        )

        @Argument(help: "CLIENT/NAME, or NAME for the client's own.")
        var id: String

        @Option(help: ArgumentHelp("Why, for the audit trail.", valueName: "text"))
        var reason: String?

        @OptionGroup var acting: ActingClientOptions
        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            let client = try acting.credentials()
            switch Self.road(of: id, as: client?.clientID) {
            case .operator(let owner, let name):
                var body = JSONObject()
                body.set("reason", reason)
                _ = try await server.post("tasks/\(owner.segment)/\(name.segment)/complete", body)
            case .client:
                let endpoint = "\(server.profile.server.text)/tasks/\(id.segment)/complete"
                let form = [(name: "reason", value: reason)].compactMap { pair in
                    pair.value.map { (name: pair.name, value: $0) }
                }
                _ = try await server.post(to: endpoint, form, as: try client ?? server.credentials())
            }
            return .done("the task \(id) is ended")
        }

        /// Which endpoint ends it.
        enum Road: Equatable {
            case `operator`(client: String, name: String)
            case client
        }

        /// A named client ends its own; without one, an id with a client in front is an operator's business.
        static func road(of id: String, as client: String?) -> Road {
            guard client == nil, let slash = id.firstIndex(of: "/") else { return .client }
            return .operator(client: String(id[..<slash]), name: String(id[id.index(after: slash)...]))
        }
    }
}
