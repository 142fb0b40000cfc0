import ArgumentParser
import JOSE

/// `legate client`
struct ClientCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "client",
        abstract: "The OAuth clients: agents, gateways, resource servers and operators' tools.",
        discussion: """
            Example:
              legate client create Planner --id planner \\
                  --resource https://orders.example.com --scope orders:read
              legate client list
            """,
        subcommands: [
            Create.self, List.self, Show.self, Update.self, Disable.self, Enable.self, Delete.self, RotateSecret.self,
        ]
    )

    static let columns: [Table.Column] = [
        .init("CLIENT", "client_id"), .init("NAME", "name"), .init("KIND", "kind"), .init("ENABLED", "enabled"),
        .init("AUTH", "auth"), .init("OWNER", "owner"), .init("SCOPES", "scopes"),
    ]

    static func path(_ id: String) -> String { "clients/\(id.segment)" }

    private static let secretNote = "the client_secret is shown only now: keep it in a safe place"

    struct Create: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Register a client.",
            discussion: """
                Example:
                  legate client create Planner --id planner \\
                      --resource https://orders.example.com --scope orders:read
                  legate client create Worker --auth private_key_jwt --jwks worker.json \\
                      --grant token_exchange --resource https://orders.example.com \\
                      --scope orders:read

                The secret of a client is shown once, here.
                """
        )

        @Argument(help: "A name for people.")
        var name: String

        @Option(help: "Its client_id; the server makes one otherwise.")
        var id: String?

        @Option(help: "What it is.")
        var kind: ClientKind = .agent

        @OptionGroup var settings: ClientSettings
        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            let made = try await server.post("clients", try document())
            return .card(made, note: made.object?["client_secret"] == nil ? nil : secretNote)
        }

        func document() throws -> JSONObject {
            var document: JSONObject = [
                "name": .string(name), "kind": .string(kind.rawValue),
                "auth": .string(ClientAuthentication.clientSecretBasic.rawValue),
                "grants": [.string(GrantName.clientCredentials.rawValue)],
            ]
            document.set("client_id", id)
            try settings.set(in: &document)
            return document
        }
    }

    struct List: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the clients.",
            discussion: """
                Example:
                  legate client list
                """
        )

        @OptionGroup var page: ListOptions
        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .list(try await server.list("clients", [], page), ClientCommand.columns)
        }
    }

    struct Show: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a client.",
            discussion: """
                Example:
                  legate client show planner
                """
        )

        @Argument(help: "Its client_id.")
        var id: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.get(path(id)))
        }
    }

    struct Update: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a client. Only what is given changes; a list is replaced as a whole.",
            discussion: """
                Example:
                  legate client update planner --scope orders:read orders:write \\
                      --owner team-orders

                An empty value takes a member away: --acts-as "".
                """
        )

        @Argument(help: "Its client_id.")
        var id: String

        @Option(help: "A name for people.")
        var name: String?

        @OptionGroup var settings: ClientSettings
        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.update(path(id), try document()))
        }

        func document() throws -> JSONObject {
            var document = JSONObject()
            document.set("name", name)
            try settings.set(in: &document)
            return document
        }
    }

    struct Disable: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a client's tokens and give it no more.",
            discussion: """
                Example:
                  legate client disable planner
                  legate client disable --owner team-orders

                With --owner all of the owner's clients are disabled at once: all of them, or none.
                """
        )

        @Argument(help: "Its client_id.")
        var id: String?

        @Option(help: ArgumentHelp("Every client of this owner instead, compared byte by byte.", valueName: "text"))
        var owner: String?

        @OptionGroup var connection: ConnectionOptions

        func validate() throws {
            guard (id == nil) != (owner == nil) else { throw ValidationError("name one client, or an --owner") }
        }

        func answer(from server: AdminClient) async throws -> Answer {
            if let id { return .card(try await server.update(path(id), ["enabled": false])) }
            return .card(try await server.post("clients/disable", ["owner": .string(owner ?? "")]))
        }
    }

    struct Enable: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a client, or one closed instance of it, get tokens again. Old tokens stay dead.",
            discussion: """
                Example:
                  legate client enable planner
                  legate client enable planner --agent-id worker-7
                """
        )

        @Argument(help: "Its client_id.")
        var id: String

        @Option(help: ArgumentHelp("Only this instance of the agent.", valueName: "name"))
        var agentId: String?

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            if let agentId {
                return .card(try await server.post(path(id) + "/enable-agent", ["agent_id": .string(agentId)]))
            }
            return .card(try await server.update(path(id), ["enabled": true]))
        }
    }

    struct Delete: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a client's tokens and remove it.",
            discussion: """
                Example:
                  legate client delete planner
                """
        )

        @Argument(help: "Its client_id.")
        var id: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            try await server.delete(path(id))
            return .done("client \(id) is deleted")
        }
    }

    struct RotateSecret: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a client a new secret.",
            discussion: """
                Example:
                  legate client rotate-secret planner --grace 1h
                """
        )

        @Argument(help: "Its client_id.")
        var id: String

        @Option(help: ArgumentHelp("How long the old secret still works (default: not at all).", valueName: "duration"))
        var grace: DurationArgument?

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            var body = JSONObject()
            body.set("grace", grace)
            return .card(try await server.post(path(id) + "/rotate-secret", body), note: secretNote)
        }
    }
}
