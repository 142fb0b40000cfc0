import ArgumentParser
import JOSE

/// `legate connection`
struct ConnectionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connection",
        abstract: "Accounts at third parties: connect them once, and agents get short-lived access tokens.",
        discussion: """
            Example:
              legate connection start users/alice/github --owner 'corp|alice' \\
                  --authorization-endpoint https://github.com/login/oauth/authorize \\
                  --token-endpoint https://github.com/login/oauth/access_token \\
                  --client-id Iv1.8a61f9b3a7aba766 --client-secret-file github.secret --scope repo
              legate connection finish users/alice/github --code 4qk2-9xvm-t0ec-71hs
              legate connection list
            """,
        subcommands: [
            ConnectionStart.self, ConnectionFinish.self, ConnectionList.self, ConnectionShow.self,
            ConnectionDisconnect.self,
        ]
    )

    static let columns: [Table.Column] = [
        .init("NAME", "name"), .init("STATUS", "status"), .init("OWNER", "owner"), .init("ACCOUNT", "account"),
        .init("EXPIRES", "expires_at"), .init("LAST ERROR", "last_error"),
    ]
}

/// `legate connection start`
struct ConnectionStart: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Begin to connect an account: prints the page of the provider to open in a browser.",
        discussion: """
            Example:
              legate connection start crm/hubspot \\
                  --authorization-endpoint https://app.hubspot.com/oauth/authorize \\
                  --token-endpoint https://api.hubapi.com/oauth/v1/token \\
                  --client-id 7a2c… --client-auth client_secret_post \\
                  --client-secret-file hubspot.secret --scope crm.objects.contacts.read
              legate connection start crm/hubspot

            The first start says who the provider is; later ones connect the account again. Register the redirect URI \
            that is printed at the provider, open the page, and bring the code that it ends with to legate connection \
            finish. You have ten minutes. With --owner the account is that user's own: only agents that act for that \
            user get its tokens.
            """
    )

    @Argument(help: "The name of the secret; one that is not there is made.")
    var name: SecretNameArgument

    @OptionGroup var provider: ConnectionProviderOptions

    @Option(help: ArgumentHelp("The user whose own account it is, as NAME|SUB.", valueName: "user"))
    var owner: String?

    @Option(help: ArgumentHelp("What people call the account.", valueName: "text"))
    var account: String?

    @Flag(inversion: .prefixedNo, help: "Speak to the provider even at a private address.")
    var allowPrivateNetwork: Bool?

    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        let started = try await server.vault("POST", name.path("connections/start"), body: try body())
        let redirect = started.object?["redirect_uri"]?.string ?? ""
        let page = started.object?["authorization_url"]?.string ?? ""
        return Answer(
            started, text: Printable.text(page),
            note: """
                the provider must know this redirect URI: \(Printable.text(redirect))
                legate: open the page above, then: legate connection finish \(name) --code CODE
                """
        )
    }

    func body() throws -> JSONObject {
        var body = JSONObject()
        if let provider = try provider.document() { body["provider"] = .object(provider) }
        body.set("owner", owner)
        body.set("account", account)
        body.set("allow_private_network", allowPrivateNetwork)
        return body
    }
}

/// Who the provider is, and who Legate is there.
struct ConnectionProviderOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Its page for people.", valueName: "url"))
    var authorizationEndpoint: String?

    @Option(help: ArgumentHelp("Where it gives tokens.", valueName: "url"))
    var tokenEndpoint: String?

    @Option(help: ArgumentHelp("Where it takes tokens back (RFC 7009).", valueName: "url"))
    var revocationEndpoint: String?

    @Option(help: ArgumentHelp("Its issuer: then its answers must carry it as iss (RFC 9207).", valueName: "url"))
    var issuer: String?

    @Option(help: ArgumentHelp("Legate's client id there.", valueName: "id"))
    var clientID: String?

    @Option(help: ArgumentHelp("A file with Legate's client secret there; - for standard input.", valueName: "file"))
    var clientSecretFile: String?

    @Option(
        help: ArgumentHelp(
            "client_secret_basic (default), client_secret_post, or none (default without a secret).",
            valueName: "method"))
    var clientAuth: String?

    @Option(parsing: .upToNextOption, help: "What to ask for.")
    var scope: [String] = []

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("What else its page wants, such as access_type=offline.", valueName: "name=value"))
    var parameter: [String] = []

    func validate() throws {
        for pair in parameter where !pair.contains("=") {
            throw ValidationError("--parameter must be NAME=VALUE")
        }
        let required = [authorizationEndpoint, tokenEndpoint, clientID]
        if isGiven, required.contains(nil) {
            throw ValidationError(
                "say the whole provider: --authorization-endpoint, --token-endpoint and --client-id are required")
        }
    }

    private var isGiven: Bool {
        let texts = [
            authorizationEndpoint, tokenEndpoint, revocationEndpoint, issuer, clientID, clientSecretFile, clientAuth,
        ]
        return texts.contains { $0 != nil } || !scope.isEmpty || !parameter.isEmpty
    }

    /// The one line of a file. A provider's secret may hold spaces (RFC 6749 appendix A.2).
    private static func line(in path: String) throws -> String {
        var bytes = try Files.read(path)
        while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
        let source = path == "-" ? "standard input" : path
        guard !bytes.isEmpty, bytes.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw CommandFailure("\(source) must hold one line: the client secret, in visible ASCII characters")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Nil when nothing was said: then the provider stays who it is.
    func document() throws -> JSONObject? {
        guard isGiven else { return nil }
        var document = JSONObject()
        document.set("authorization_endpoint", authorizationEndpoint)
        document.set("token_endpoint", tokenEndpoint)
        document.set("revocation_endpoint", revocationEndpoint)
        document.set("issuer", issuer)
        document.set("client_id", clientID)
        if let clientSecretFile {
            document["client_secret"] = .string(try Self.line(in: clientSecretFile))
        }
        document.set("client_auth", clientAuth)
        document.set("scopes", scope)
        if !parameter.isEmpty {
            var parameters = JSONObject()
            for pair in parameter {
                let name = pair.prefix { $0 != "=" }
                parameters[String(name)] = .string(String(pair.dropFirst(name.count + 1)))
            }
            document["authorization_parameters"] = .object(parameters)
        }
        return document
    }
}

/// `legate connection finish`
struct ConnectionFinish: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "finish",
        abstract: "Connect the account, with the code that the browser showed.",
        discussion: """
            Example:
              legate connection finish crm/hubspot --code 4qk2-9xvm-t0ec-71hs

            Only who started can finish, and only with the code from their own browser: so nobody connects an account \
            that another one has logged in to.
            """
    )

    @Argument(help: "The name of the secret.")
    var name: SecretNameArgument

    @Option(help: "The code that the browser showed.")
    var code: String

    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        let body: JSONObject = ["code": .string(code)]
        return .card(try await server.vault("POST", name.path("connections/finish"), body: body), note: "connected")
    }
}

/// `legate connection list`
struct ConnectionList: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the connected accounts.",
        discussion: """
            Example:
              legate connection list
            """
    )

    @OptionGroup var page: ListOptions
    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        .list(try await server.list("connections", [], page, at: .vault), ConnectionCommand.columns)
    }
}

/// `legate connection show`
struct ConnectionShow: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a connected account: its provider, its state, its troubles. No token.",
        discussion: """
            Example:
              legate connection show crm/hubspot
            """
    )

    @Argument(help: "The name of the secret.")
    var name: SecretNameArgument

    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        .card(try await server.vault("GET", name.path("connections")))
    }
}

/// `legate connection disconnect`
struct ConnectionDisconnect: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "disconnect",
        abstract: "Give an account up: the provider takes its tokens back, and what was kept is erased.",
        discussion: """
            Example:
              legate connection disconnect crm/hubspot

            The secret stays with its rules. When the provider does not answer, everything is erased nevertheless, and \
            you end the access on the provider's own pages.
            """
    )

    @Argument(help: "The name of the secret.")
    var name: SecretNameArgument

    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        let ended = try await server.vault("DELETE", name.path("connections"))
        var note = "\(name) is disconnected"
        if ended.object?["revoked_at_provider"]?.bool == false {
            note += ", but the provider did not take its tokens back: end the access on its own pages"
        }
        return .card(ended, note: note)
    }
}
