import ArgumentParser
import JOSE

/// `legate receiver`
struct ReceiverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "receiver",
        abstract: "Who is told of every revocation by a signed security event.",
        discussion: """
            Example:
              legate receiver create --id siem --endpoint https://siem.example.com/events \\
                  --authorization-file siem.header
              legate receiver create --id board --client status-board
              legate receiver verify siem
            """,
        subcommands: [
            Create.self, List.self, Show.self, Update.self, Disable.self, Enable.self, Delete.self, Verify.self,
        ]
    )

    static let columns: [Table.Column] = [
        .init("RECEIVER", "receiver_id"), .init("DELIVERY", "delivery"), .init("ENABLED", "enabled"),
        .init("ENDPOINT", "endpoint"), .init("CLIENT", "client_id"), .init("EVENTS", "events"),
    ]

    static func path(_ id: String) -> String { "event-receivers/\(id.segment)" }

    /// What can be said of a receiver, now and later.
    struct Settings: ParsableArguments {
        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("session-revoked, credential-change (default both).", valueName: "event")
        )
        var event: [String] = []

        @Option(
            help: ArgumentHelp(
                "A file, or - for standard input, with the value of the Authorization header for pushes.",
                valueName: "file")
        )
        var authorizationFile: String?

        func set(in document: inout JSONObject) throws {
            document.set("events", event)
            guard let authorizationFile else { return }
            let text = String(decoding: try Files.read(authorizationFile), as: UTF8.self)
            document["authorization_header"] = .string(String(text.reversed().drop(while: \.isNewline).reversed()))
        }
    }

    struct Create: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Register a receiver: with an endpoint it is pushed to (RFC 8935), without one its client polls.",
            discussion: """
                Example:
                  legate receiver create --id siem --endpoint https://siem.example.com/events
                """
        )

        @Option(help: "Its id, which is also its stream id (default: made by the server).")
        var id: String?

        @Option(help: ArgumentHelp("Where events are pushed to, an https URL.", valueName: "url"))
        var endpoint: String?

        @Option(help: ArgumentHelp("The client that may poll, see the stream and verify it.", valueName: "id"))
        var client: String?

        @Option(help: "The aud of its events (default: the client, else the endpoint).")
        var audience: String?

        @OptionGroup var settings: Settings

        @Flag(help: "Push even to a private address.")
        var allowPrivateNetwork = false

        @OptionGroup var connection: ConnectionOptions

        func validate() throws {
            if endpoint == nil, client == nil { throw ValidationError("--endpoint or --client is needed") }
        }

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.post("event-receivers", try document()))
        }

        func document() throws -> JSONObject {
            var document = JSONObject()
            document.set("receiver_id", id)
            document.set("endpoint", endpoint)
            document.set("client_id", client)
            document.set("audience", audience)
            try settings.set(in: &document)
            if allowPrivateNetwork { document["allow_private_network"] = true }
            return document
        }
    }

    struct List: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the receivers.",
            discussion: """
                Example:
                  legate receiver list
                """
        )

        @OptionGroup var page: ListOptions
        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .list(try await server.list("event-receivers", [], page), ReceiverCommand.columns)
        }
    }

    struct Show: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a receiver.",
            discussion: """
                Example:
                  legate receiver show siem
                """
        )

        @Argument(help: "Its id.")
        var id: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.get(path(id)))
        }
    }

    struct Update: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a receiver. Only what is given changes; a list is replaced as a whole.",
            discussion: """
                Example:
                  legate receiver update siem --authorization-file new.header
                """
        )

        @Argument(help: "Its id.")
        var id: String

        @OptionGroup var settings: Settings

        @Flag(inversion: .prefixedNo, help: "Push even to a private address.")
        var allowPrivateNetwork: Bool?

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.update(path(id), try document()))
        }

        func document() throws -> JSONObject {
            var document = JSONObject()
            try settings.set(in: &document)
            document.set("allow_private_network", allowPrivateNetwork)
            return document
        }
    }

    struct Disable: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Queue and deliver nothing for a receiver until it is enabled; what is queued waits.",
            discussion: """
                Example:
                  legate receiver disable siem
                """
        )

        @Argument(help: "Its id.")
        var id: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.update(path(id), ["enabled": false]))
        }
    }

    struct Enable: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deliver to a receiver again.",
            discussion: """
                Example:
                  legate receiver enable siem
                """
        )

        @Argument(help: "Its id.")
        var id: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.update(path(id), ["enabled": true]))
        }
    }

    struct Delete: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a receiver, and what was still to be delivered to it.",
            discussion: """
                Example:
                  legate receiver delete siem
                """
        )

        @Argument(help: "Its id.")
        var id: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            try await server.delete(path(id))
            return .done("receiver \(id) is deleted")
        }
    }

    struct Verify: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send a verification event, once a minute at most.",
            discussion: """
                Example:
                  legate receiver verify siem --state hello
                """
        )

        @Argument(help: "Its id.")
        var id: String

        @Option(help: "A text that the event repeats.")
        var state: String?

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            var document = JSONObject()
            document.set("state", state)
            _ = try await server.post("\(path(id))/verify", document)
            return .done("a verification event for \(id) is on its way")
        }
    }
}
