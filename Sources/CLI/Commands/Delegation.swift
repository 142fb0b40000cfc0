import ArgumentParser
import JOSE
import OAuth

/// `legate delegation`
struct DelegationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delegation",
        abstract: "What users let clients do for them, and the rules by which they may.",
        discussion: """
            Example:
              legate delegation create --issuer corp --subject alice \\
                  --client planner --scope orders:read \\
                  --resource https://orders.example.com
              legate delegation list --subject alice
            """,
        subcommands: [
            Allow.self, Rules.self, Disallow.self, Create.self, List.self, Show.self, Narrow.self, Revoke.self,
        ]
    )

    static let columns: [Table.Column] = [
        .init("DELEGATION", "delegation_id"), .init("STATUS", "status"),
        .init("SUBJECT") { item in
            let subject = item["subject"]?.object
            return Table.cell(item["issuer"] ?? subject?["iss"]) + "|" + Table.cell(subject?["sub"])
        },
        .init("CLIENT", "client_id"), .init("EXPIRES", "expires_at"), .init("SCOPES", "scopes"),
        .init("RESOURCES", "resources"),
    ]

    static let ruleColumns: [Table.Column] = [
        .init("RULE", "rule_id"), .init("ISSUER", "issuer"),
        .init("USERS") { item in
            if let group = item["group"]?.string { return "group \(group)" }
            return item["subject"]?.string ?? "any"
        },
        .init("CLIENT", "client_id"), .init("MAX TTL", "max_ttl"), .init("SCOPES", "scopes"),
        .init("RESOURCES", "resources"),
    ]

    static func path(_ id: String) -> String { "delegations/\(id.segment)" }

    struct Allow: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let users of an issuer delegate to a client without asking each time (a rule).",
            discussion: """
                Example:
                  legate delegation allow --issuer corp --group sales --client planner \\
                      --scope orders:read --resource https://orders.example.com \\
                      --max-ttl 8h

                Without --group and --subject the rule is for every user of the issuer.
                """
        )

        @Option(help: "The issuer's short name.")
        var issuer: String

        @Option(help: "Only members of this group.")
        var group: String?

        @Option(help: "Only this user.")
        var subject: String?

        @Option(help: "The client that may act.")
        var client: String

        @Option(parsing: .upToNextOption, help: "The scopes it may have.")
        var scope: [String]

        @Option(parsing: .upToNextOption, help: ArgumentHelp("The resources it may use.", valueName: "uri"))
        var resource: [String]

        @Option(
            help: ArgumentHelp("How long a delegation made by this rule lives (default 8h).", valueName: "duration"))
        var maxTtl: DurationArgument?

        @OptionGroup var details: AuthorizationDetailsOptions
        @OptionGroup var connection: ConnectionOptions

        func validate() throws {
            if group != nil, subject != nil { throw ValidationError("--group and --subject cannot be given together") }
        }

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.post("delegation-rules", try document()))
        }

        func document() throws -> JSONObject {
            var document: JSONObject = ["issuer": .string(issuer), "client_id": .string(client)]
            document.set("group", group)
            document.set("subject", subject)
            document.set("scopes", scope)
            document.set("resources", resource)
            document.set("max_ttl", maxTtl)
            try details.set(in: &document)
            return document
        }
    }

    struct Rules: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the rules.",
            discussion: """
                Example:
                  legate delegation rules
                """
        )

        @OptionGroup var page: ListOptions
        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .list(try await server.list("delegation-rules", [], page), DelegationCommand.ruleColumns)
        }
    }

    struct Disallow: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a rule. Delegations that it made stay: revoke them one by one.",
            discussion: """
                Example:
                  legate delegation disallow RULE_ID
                """
        )

        @Argument(help: "The rule's id.")
        var ruleID: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            try await server.delete("delegation-rules/\(ruleID.segment)")
            return .done("rule \(ruleID) is removed")
        }
    }

    struct Create: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let one user delegate to a client.",
            discussion: """
                Example:
                  legate delegation create --issuer corp --subject alice \\
                      --client planner --scope orders:read \\
                      --resource https://orders.example.com --expires 30d \\
                      --purpose "weekly report"
                """
        )

        @Option(help: "The issuer's short name.")
        var issuer: String

        @Option(help: "The user, as the issuer names them.")
        var subject: String

        @Option(help: "The client that may act.")
        var client: String

        @Option(parsing: .upToNextOption, help: "The scopes it may have.")
        var scope: [String]

        @Option(parsing: .upToNextOption, help: ArgumentHelp("The resources it may use.", valueName: "uri"))
        var resource: [String]

        @Option(help: ArgumentHelp("How long it lasts (default 30d).", valueName: "duration"))
        var expires: DurationArgument?

        @Option(help: ArgumentHelp("What for.", valueName: "text"))
        var purpose: String?

        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("Further clients that may act; nobody else then may.", valueName: "id")
        )
        var mayAct: [String] = []

        @OptionGroup var details: AuthorizationDetailsOptions
        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.post("delegations", try document()))
        }

        func document() throws -> JSONObject {
            var document: JSONObject = [
                "issuer": .string(issuer), "subject": .string(subject), "client_id": .string(client),
            ]
            document.set("scopes", scope)
            document.set("resources", resource)
            document.set("expires_in", expires)
            document.set("purpose", purpose)
            document.set("may_act", mayAct)
            try details.set(in: &document)
            return document
        }
    }

    struct List: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the delegations.",
            discussion: """
                Example:
                  legate delegation list --client planner --status active
                """
        )

        @Option(help: ArgumentHelp("Only those to this client.", valueName: "id"))
        var client: String?

        @Option(help: "Only those of this user.")
        var subject: String?

        @Option(help: "Only those in this state.")
        var status: DelegationStatus?

        @OptionGroup var page: ListOptions
        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .list(try await server.list("delegations", query, page), DelegationCommand.columns)
        }

        var query: [(name: String, value: String?)] {
            [("client_id", client), ("subject", subject), ("status", status?.rawValue)]
        }
    }

    struct Show: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a delegation.",
            discussion: """
                Example:
                  legate delegation show DELEGATION_ID
                """
        )

        @Argument(help: "Its id.")
        var id: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.get(path(id)))
        }
    }

    struct Narrow: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take away from a delegation. It never grows: for more, create a new one.",
            discussion: """
                Example:
                  legate delegation narrow DELEGATION_ID --scope orders:read --expires 1d
                """
        )

        @Argument(help: "Its id.")
        var id: String

        @Option(parsing: .upToNextOption, help: "The scopes that remain.")
        var scope: [String] = []

        @Option(parsing: .upToNextOption, help: ArgumentHelp("The resources that remain.", valueName: "uri"))
        var resource: [String] = []

        @Option(help: ArgumentHelp("How long it lasts from now on.", valueName: "duration"))
        var expires: DurationArgument?

        @Option(help: ArgumentHelp("What for.", valueName: "text"))
        var purpose: String?

        @Option(parsing: .upToNextOption, help: ArgumentHelp("The further clients that may act.", valueName: "id"))
        var mayAct: [String] = []

        @OptionGroup var details: AuthorizationDetailsOptions
        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.update(path(id), try document(at: .current)))
        }

        func document(at now: Timestamp) throws -> JSONObject {
            var document = JSONObject()
            document.set("scopes", scope)
            document.set("resources", resource)
            if let expires { document["expires_at"] = .string(RFC3339.text(now.adding(seconds: expires.seconds))) }
            document.set("purpose", purpose)
            document.set("may_act", mayAct)
            try details.set(in: &document)
            return document
        }
    }

    struct Revoke: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a delegation and every token issued under it.",
            discussion: """
                Example:
                  legate delegation revoke DELEGATION_ID --reason "project over"
                """
        )

        @Argument(help: "Its id.")
        var id: String

        @Option(help: ArgumentHelp("Why, for the audit trail.", valueName: "text"))
        var reason: String?

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            var body = JSONObject()
            body.set("reason", reason)
            return .card(try await server.post(path(id) + "/revoke", body))
        }
    }
}
