import ArgumentParser
import JOSE

/// `legate issuer`
struct IssuerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "issuer",
        abstract: "The identity providers whose users and workloads are accepted.",
        discussion: """
            Example:
              legate issuer trust https://idp.example.com --name corp \\
                  --jwks-uri https://idp.example.com/jwks
              legate issuer list
            """,
        subcommands: [
            Trust.self, List.self, Show.self, Update.self, Disable.self, Enable.self, Distrust.self,
        ]
    )

    static let columns: [Table.Column] = [
        .init("NAME", "name"), .init("ISSUER", "issuer"), .init("ENABLED", "enabled"),
        .init("KEYS") { item in
            let uri = item["jwks_uri"]?.string
            return uri ?? Table.cell(item["jwks"])
        },
        .init("AUDIENCES", "audiences"),
    ]

    static func path(_ name: String) -> String { "issuers/\(name.segment)" }

    /// What can be said of an issuer, now and later.
    struct Settings: ParsableArguments {
        @OptionGroup var keys: KeySetOptions

        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("The audiences agreed for its tokens (default: our own issuer URL).", valueName: "aud")
        )
        var audience: [String] = []

        @Option(help: ArgumentHelp("The claim that names the user (default sub).", valueName: "claim"))
        var subjectClaim: String?

        @Option(help: ArgumentHelp("The claim that lists the user's groups (default groups).", valueName: "claim"))
        var groupsClaim: String?

        func set(in document: inout JSONObject) throws {
            try keys.set(in: &document)
            document.set("audiences", audience)
            document.set("subject_claim", subjectClaim)
            document.set("groups_claim", groupsClaim)
        }
    }

    struct Trust: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Accept the tokens of an identity provider.",
            discussion: """
                Example:
                  legate issuer trust https://idp.example.com --name corp \\
                      --jwks corp.json --audience api://legate
                """
        )

        @Argument(help: "Its issuer URL, as in the iss of its tokens.")
        var url: String

        @Option(help: "A short name: its users are NAME|SUB here.")
        var name: String

        @OptionGroup var settings: Settings

        @Flag(help: "Fetch its keys even from a private address.")
        var allowPrivateNetwork = false

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.post("issuers", try document()))
        }

        func document() throws -> JSONObject {
            var document: JSONObject = ["issuer": .string(url), "name": .string(name)]
            try settings.set(in: &document)
            if allowPrivateNetwork { document["allow_private_network"] = true }
            return document
        }
    }

    struct List: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the trusted issuers.",
            discussion: """
                Example:
                  legate issuer list
                """
        )

        @OptionGroup var page: ListOptions
        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .list(try await server.list("issuers", [], page), IssuerCommand.columns)
        }
    }

    struct Show: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a trusted issuer.",
            discussion: """
                Example:
                  legate issuer show corp
                """
        )

        @Argument(help: "Its short name.")
        var name: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.get(path(name)))
        }
    }

    struct Update: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a trusted issuer. Only what is given changes; a list is replaced as a whole.",
            discussion: """
                Example:
                  legate issuer update corp --jwks corp-2027.json
                """
        )

        @Argument(help: "Its short name.")
        var name: String

        @OptionGroup var settings: Settings

        @Flag(inversion: .prefixedNo, help: "Fetch its keys even from a private address.")
        var allowPrivateNetwork: Bool?

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.update(path(name), try document()))
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
            abstract: "End what an issuer's users delegated, and accept no more of its tokens.",
            discussion: """
                Example:
                  legate issuer disable corp
                """
        )

        @Argument(help: "Its short name.")
        var name: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.update(path(name), ["enabled": false]))
        }
    }

    struct Enable: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Accept an issuer's tokens again.",
            discussion: """
                Example:
                  legate issuer enable corp
                """
        )

        @Argument(help: "Its short name.")
        var name: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.update(path(name), ["enabled": true]))
        }
    }

    struct Distrust: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove an issuer; its users' delegations and tokens end.",
            discussion: """
                Example:
                  legate issuer distrust corp
                """
        )

        @Argument(help: "Its short name.")
        var name: String

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            try await server.delete(path(name))
            return .done("issuer \(name) is not trusted any more")
        }
    }
}
