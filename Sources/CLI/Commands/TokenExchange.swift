import ArgumentParser
import JOSE

/// `legate token exchange`
struct TokenExchange: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "exchange",
        abstract: "Turn a user's token, or one received, into a token to act on (RFC 8693).",
        discussion: """
            Example:
              legate token exchange --client planner --secret-file planner.secret \\
                  --subject-token-file alice.jwt --subject-token-type jwt \\
                  --resource https://orders.example.com --scope orders:read
            """
    )

    @OptionGroup var acting: ActingClientOptions

    @Option(
        help: ArgumentHelp("A file with the token to exchange, or - for standard input.", valueName: "file"),
        completion: .file()
    )
    var subjectTokenFile: String

    @Option(help: ArgumentHelp("access_token, jwt, id_token, or a type URI.", valueName: "type"))
    var subjectTokenType: TokenTypeArgument = .accessToken

    @Option(
        help: ArgumentHelp("A file with a token that proves the acting client.", valueName: "file"),
        completion: .file()
    )
    var actorTokenFile: String?

    @Option(help: ArgumentHelp("access_token, jwt, id_token, or a type URI.", valueName: "type"))
    var actorTokenType: TokenTypeArgument?

    @Option(help: ArgumentHelp("The resource the new token is for.", valueName: "uri"))
    var resource: String?

    @Option(help: ArgumentHelp("The same by name: a resource, or a client that acts as one.", valueName: "name"))
    var audience: String?

    @Option(help: ArgumentHelp("The delegation to act under (default: the newest that covers it).", valueName: "id"))
    var delegation: String?

    @OptionGroup var details: RequestedDetailsOptions
    @OptionGroup var work: WorkOptions
    @OptionGroup var proof: ProofKeyOptions
    @OptionGroup var connection: ConnectionOptions

    static let grantType = "urn:ietf:params:oauth:grant-type:token-exchange"

    func validate() throws {
        if (actorTokenFile == nil) != (actorTokenType == nil) {
            throw ValidationError("--actor-token-file and --actor-token-type need one another")
        }
        try details.shareStandardInput(with: [acting.secretFile, subjectTokenFile, actorTokenFile])
    }

    func answer(from server: AdminClient) async throws -> Answer {
        let credentials = try acting.credentials() ?? server.credentials()
        return .card(.object(try await server.token(try form(), as: credentials, proving: try proof.key())))
    }

    func form() throws -> [(name: String, value: String)] {
        var form = [
            (name: "grant_type", value: Self.grantType),
            (name: "subject_token", value: try Files.word(subjectTokenFile, what: "token")),
            (name: "subject_token_type", value: subjectTokenType.uri),
        ]
        if let actorTokenFile, let actorTokenType {
            form.append(("actor_token", try Files.word(actorTokenFile, what: "token")))
            form.append(("actor_token_type", actorTokenType.uri))
        }
        if let resource { form.append(("resource", resource)) }
        if let audience { form.append(("audience", audience)) }
        if let delegation { form.append(("delegation_id", delegation)) }
        return form + work.form + (try details.form())
    }
}

/// The type of a token (RFC 8693, 3), by its URI or by the last word of it.
struct TokenTypeArgument: ExpressibleByArgument, Equatable, Sendable {
    let uri: String

    static let accessToken = TokenTypeArgument(uri: prefix + "access_token")
    static let jwt = TokenTypeArgument(uri: prefix + "jwt")

    private static let prefix = "urn:ietf:params:oauth:token-type:"
    private static let words = ["access_token", "jwt", "id_token"]

    private init(uri: String) { self.uri = uri }

    init?(argument: String) {
        if Self.words.contains(argument) {
            uri = Self.prefix + argument
        } else if argument.contains(":") {
            uri = argument
        } else {
            return nil
        }
    }

    var defaultValueDescription: String { uri }
    static var defaultCompletionKind: CompletionKind { .list(words) }
}
