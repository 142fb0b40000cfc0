import ArgumentParser
import JOSE

/// `legate key`
struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "The keys that sign tokens.",
        discussion: """
            Example:
              legate key list

            Keys change by themselves: serve --key-rotation says how often.
            """,
        subcommands: [List.self, Rotate.self, Import.self, Revoke.self]
    )

    static let columns: [Table.Column] = [
        .init("KID", "kid"), .init("ALG", "alg"), .init("STATUS", "status"), .init("CREATED", "created_at"),
        .init("SIGNS FROM", "active_from"),
        // The document names only the origin of those that Legate did not make.
        .init("ORIGIN") { $0["origin"]?.string ?? "made" },
    ]

    struct List: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the signing keys.",
            discussion: """
                Example:
                  legate key list
                  legate key list --all
                """
        )

        @Flag(help: "Those too that retired more than 30 days ago.")
        var all = false

        @OptionGroup var page: ListOptions
        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .list(try await server.list("keys", all ? [("all", "true")] : [], page), KeyCommand.columns)
        }
    }

    struct Rotate: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Publish the next signing key; it takes over when every cache has seen it.",
            discussion: """
                Example:
                  legate key rotate
                  legate key rotate --alg Ed25519
                """
        )

        @Option(help: "For which algorithm (default ES256).")
        var alg: SigningAlgorithmName?

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            var body = JSONObject()
            body.set("alg", alg)
            return .card(try await server.post("keys/rotate", body))
        }
    }

    struct Revoke: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a signing key out of use at once; the tokens it signed are dead.",
            discussion: """
                Example:
                  legate key revoke KID --reason "host compromised"

                For emergencies: a new key signs at once, and gateways are told through the feed. To change keys without
                haste: legate key rotate.
                """
        )

        @Argument(help: "Its kid.")
        var kid: String

        @Option(help: ArgumentHelp("Why, for the audit trail.", valueName: "text"))
        var reason: String?

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            var body: JSONObject = ["kind": "key", "id": .string(kid)]
            body.set("reason", reason)
            return .card(try await server.post("revocations", body))
        }
    }
}
