import ArgumentParser
import JOSE

/// `legate secret plant`
struct SecretPlant: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "plant",
        abstract: "Make a worthless look-alike of a credential, to be put where only a thief would find it.",
        discussion: """
            Whoever uses it has read what was not meant for them: its first use anywhere raises a critical audit event, a \
            metric and a line of the log, which name the place, and the thief gets the answer to any bad credential. It \
            is shown this once. Put only the value there: the rest of the answer would give it away.

            Example:
              legate secret plant --kind client-secret --where "CI variables of the shop project"
              legate secret plant --kind token --where "backup bucket, .env" --output json \\
                  | jq -r .value > .env.backup
              legate secret canaries
            """
    )

    @Option(help: "What it looks like.")
    var kind: CanaryKind

    @Option(
        name: .customLong("where"),
        help: ArgumentHelp("Where it will be put, in the words that the alarm shall have.", valueName: "text"))
    var place: String

    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        .card(
            try await server.vault(
                "POST", "canaries", body: ["kind": .string(kind.rawValue), "where": .string(place)]),
            note: "put the value there and nowhere else; it is not shown again"
        )
    }
}

/// `legate secret canaries`
struct SecretCanaries: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "canaries",
        abstract: "The look-alikes that were planted, and whether one was used.",
        discussion: """
            Example:
              legate secret canaries
              legate secret canaries remove CANARY
            """,
        subcommands: [List.self, Remove.self], defaultSubcommand: List.self
    )

    static let columns: [Table.Column] = [
        .init("CANARY", "canary_id"), .init("KIND", "kind"), .init("WHERE", "where"), .init("USES", "uses"),
        .init("LAST USED", "last_used_at"), .init("PLANTED", "created_at"),
    ]

    struct List: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List what is planted.",
            discussion: """
                Example:
                  legate secret canaries list
                """
        )

        @OptionGroup var page: ListOptions
        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .list(try await server.list("canaries", [], page, at: .vault), SecretCanaries.columns)
        }
    }

    struct Remove: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget a canary: its look-alike is a bad credential like any other from now on.",
            discussion: """
                Example:
                  legate secret canaries remove CANARY
                """
        )

        @Argument(help: "Its id.")
        var id: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            try await server.vault("DELETE", "canaries/\(id.segment)")
            return .done("\(id) is forgotten")
        }
    }
}

/// What a canary looks like: the words of the vault's API.
enum CanaryKind: String, ExpressibleByArgument, CaseIterable, Sendable {
    case clientSecret = "client-secret"
    case token
    case apiKey = "api-key"
}
