import ArgumentParser
import JOSE
import OAuth

/// `legate issuer`
struct IssuerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "issuer",
        abstract: "The identity providers whose users and workloads are accepted.",
        discussion: """
            Example:
              legate issuer trust https://idp.example.com --name corp \\
                  --jwks-uri https://idp.example.com/jwks
              legate issuer trust --spiffe spiffe://example.org --name mesh \\
                  --bundle-url https://spire.example.org/bundle
              legate issuer list
            """,
        subcommands: [
            Trust.self, List.self, Show.self, Update.self, Disable.self, Enable.self, Distrust.self,
        ]
    )

    static let columns: [Table.Column] = [
        .init("NAME", "name"), .init("ISSUER", "issuer"), .init("KIND", "kind"), .init("ENABLED", "enabled"),
        .init("KEYS") { item in
            let place = item["jwks_uri"]?.string ?? item["jwks_file"]?.string
            return place ?? Table.cell(item["jwks"])
        },
        .init("AUDIENCES", "audiences"),
    ]

    static func path(_ name: String) -> String { "issuers/\(name.segment)" }

    /// What can be said of an issuer, now and later.
    struct Settings: ParsableArguments {
        @OptionGroup var keys: IssuerKeyOptions

        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("The audiences agreed for its tokens (default: our own issuer URL).", valueName: "aud")
        )
        var audience: [String] = []

        @Option(help: ArgumentHelp("The claim that names the user (default sub).", valueName: "claim"))
        var subjectClaim: String?

        @Option(help: ArgumentHelp("The claim that lists the user's groups (default groups).", valueName: "claim"))
        var groupsClaim: String?

        @Flag(
            inversion: .prefixedNo,
            help: "A client assertion of its workloads needs a jti and counts once (default: not for platforms).")
        var singleUse: Bool?

        @Option(
            help: ArgumentHelp(
                "How far ahead its workloads' exp may lie (default 24h; 1h for SPIFFE).", valueName: "duration"))
        var maxTokenLife: DurationArgument?

        func set(in document: inout JSONObject) throws {
            try keys.set(in: &document)
            document.set("audiences", audience)
            document.set("subject_claim", subjectClaim)
            document.set("groups_claim", groupsClaim)
            document.set("single_use", singleUse)
            document.set("max_token_life", maxTokenLife)
        }
    }

    struct Trust: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Accept the tokens of an identity provider, a SPIFFE trust domain or a Kubernetes cluster.",
            discussion: """
                Example:
                  legate issuer trust https://idp.example.com --name corp \\
                      --jwks corp.json --audience api://legate
                  legate issuer trust --spiffe spiffe://example.org --name mesh \\
                      --bundle-file example-org.json
                  legate issuer trust https://kubernetes.default.svc.cluster.local --kubernetes \\
                      --name prod --jwks-uri https://kubernetes.default.svc/openid/v1/jwks \\
                      --ca-file ca.crt --token-file token --allow-private-network

                The files of --bundle-file, --jwks-file, --ca-file and --token-file are named, not sent: they lie in
                the directory that the server was started with (--trust-files).
                """
        )

        @Argument(help: "Its issuer URL, as in the iss of its tokens.")
        var url: String?

        @Option(help: ArgumentHelp("A SPIFFE trust domain instead.", valueName: "spiffe://name"))
        var spiffe: String?

        @Flag(help: "It is a Kubernetes cluster: it has service accounts and no users.")
        var kubernetes = false

        @Option(help: "A short name: its users are NAME|SUB here.")
        var name: String

        @OptionGroup var settings: Settings

        @Flag(help: "Fetch its keys even from a private address.")
        var allowPrivateNetwork = false

        @OptionGroup var connection: ConnectionOptions

        func validate() throws {
            guard (url == nil) != (spiffe == nil) else {
                throw ValidationError("name the issuer by its URL, or a trust domain by --spiffe")
            }
            guard spiffe == nil || !kubernetes else {
                throw ValidationError("--spiffe and --kubernetes cannot be given together")
            }
        }

        func answer(from server: AdminClient) async throws -> Answer {
            .card(try await server.post("issuers", try document()))
        }

        func document() throws -> JSONObject {
            var document: JSONObject = ["issuer": .string(url ?? spiffe ?? ""), "name": .string(name)]
            if spiffe != nil { document["kind"] = .string(TrustedIssuer.Kind.spiffe.rawValue) }
            if kubernetes { document["kind"] = .string(TrustedIssuer.Kind.kubernetes.rawValue) }
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
