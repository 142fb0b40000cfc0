import ArgumentParser
import JOSE

/// `legate resource`
struct ResourceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resource",
        abstract: "The APIs and MCP servers that accept Legate's tokens.",
        discussion: """
            Example:
              legate resource create https://orders.example.com --name orders \\
                  --scope orders:read orders:write
              legate resource list
            """,
        subcommands: [Create.self, List.self, Show.self, Update.self, Disable.self, Enable.self, Delete.self]
    )

    static let columns: [Table.Column] = [
        .init("NAME", "name"), .init("RESOURCE", "resource"), .init("KIND", "kind"), .init("ENABLED", "enabled"),
        .init("ALG", "signing_alg"), .init("SCOPES", "scopes"),
    ]

    static func path(_ name: String) -> String { "resources/\(name.segment)" }

    /// What can be said of a resource, now and later.
    struct Settings: ParsableArguments {
        @Option(parsing: .upToNextOption, help: "The scopes it understands.")
        var scope: [String] = []

        @Option(help: "How its tokens are signed (default ES256).")
        var signingAlg: SigningAlgorithmName?

        @Option(
            help: ArgumentHelp(
                "How long its tokens live, at most 15m; `default` leaves it to the server.", valueName: "duration"))
        var tokenTtl: TokenLifetimeArgument?

        @Option(
            help: ArgumentHelp(
                "What it is (default api). Of a third-party one, the vault hands out the credential instead of a token."
            ))
        var kind: ResourceKind?

        @Option(help: "Audit each call that forward authentication allows, or only count them (default all).")
        var checkAudit: CheckAuditName?

        @Flag(inversion: .prefixedNo, help: "Take only tokens that are bound to a key, each call with a DPoP proof.")
        var requireDpop: Bool?

        @Flag(inversion: .prefixedNo, help: "Have every DPoP proof carry a nonce of the server.")
        var dpopNonce: Bool?

        @Flag(
            inversion: .prefixedNo,
            help: "Take only tokens that are bound to a client certificate, each call with that certificate.")
        var requireCertificate: Bool?

        @OptionGroup var details: DetailTypeOptions

        func validate() throws { try tokenTtl?.validate() }

        func set(in document: inout JSONObject) throws {
            document.set("scopes", scope)
            document.set("signing_alg", signingAlg)
            document.set("token_ttl", tokenTtl)
            document.set("kind", kind)
            document.set("check_audit", checkAudit)
            document.set("require_dpop", requireDpop)
            document.set("dpop_nonce", dpopNonce)
            document.set("require_certificate", requireCertificate)
            try details.set(in: &document)
        }
    }

    struct Create: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Register a resource.",
            discussion: """
                Example:
                  legate resource create https://mcp.example.com/tools --name tools \\
                      --kind mcp --scope tools:call
                """
        )

        @Argument(help: "Its identifier: an absolute https URI. It becomes the aud of tokens.")
        var uri: String

        @Option(help: "A short name for commands and paths.")
        var name: String

        @OptionGroup var settings: Settings

        @Flag(help: "Put the claim `agent` (type, version, owner, tier) into its tokens.")
        var includeAgentClaim = false

        @Flag(help: "Keep the status of its tokens in a status list, for gateways that fetch one.")
        var statusList = false

        @Flag(help: "Issue no token without authorization details for it.")
        var requireAuthorizationDetails = false

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.post("resources", try document()))
        }

        func document() throws -> JSONObject {
            var document: JSONObject = ["resource": .string(uri), "name": .string(name)]
            try settings.set(in: &document)
            if requireAuthorizationDetails { document["require_authorization_details"] = true }
            if includeAgentClaim { document["include_agent_claim"] = true }
            if statusList { document["status_list"] = true }
            return document
        }
    }

    struct List: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the resources.",
            discussion: """
                Example:
                  legate resource list --limit 20
                """
        )

        @OptionGroup var page: ListOptions
        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .list(try await server.list("resources", [], page), ResourceCommand.columns)
        }
    }

    struct Show: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a resource.",
            discussion: """
                Example:
                  legate resource show orders
                  legate resource show https://orders.example.com
                """
        )

        @Argument(help: "Its name or its URI.")
        var name: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.get(path(name)))
        }
    }

    struct Update: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a resource. Only what is given changes; a list is replaced as a whole.",
            discussion: """
                Example:
                  legate resource update orders --scope orders:read --token-ttl 90s
                """
        )

        @Argument(help: "Its name or its URI.")
        var name: String

        @OptionGroup var settings: Settings

        @Flag(inversion: .prefixedNo, help: "Put the claim `agent` into its tokens.")
        var includeAgentClaim: Bool?

        @Flag(inversion: .prefixedNo, help: "Keep the status of its tokens in a status list.")
        var statusList: Bool?

        @Flag(inversion: .prefixedNo, help: "Issue no token without authorization details for it.")
        var requireAuthorizationDetails: Bool?

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.update(path(name), try document()))
        }

        func document() throws -> JSONObject {
            var document = JSONObject()
            try settings.set(in: &document)
            document.set("require_authorization_details", requireAuthorizationDetails)
            document.set("include_agent_claim", includeAgentClaim)
            document.set("status_list", statusList)
            return document
        }
    }

    struct Disable: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Issue no more tokens for a resource.",
            discussion: """
                Example:
                  legate resource disable orders
                """
        )

        @Argument(help: "Its name or its URI.")
        var name: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.update(path(name), ["enabled": false]))
        }
    }

    struct Enable: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Issue tokens for a resource again.",
            discussion: """
                Example:
                  legate resource enable orders
                """
        )

        @Argument(help: "Its name or its URI.")
        var name: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.update(path(name), ["enabled": true]))
        }
    }

    struct Delete: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a resource.",
            discussion: """
                Example:
                  legate resource delete orders
                """
        )

        @Argument(help: "Its name or its URI.")
        var name: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            try await server.delete(path(name))
            return .done("resource \(name) is deleted")
        }
    }
}
