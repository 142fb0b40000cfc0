import ArgumentParser
import JOSE

/// What can be said of a client, at its registration and later.
struct ClientSettings: ParsableArguments {
    @Option(help: "How it proves who it is (default client_secret_basic).")
    var auth: ClientAuthentication?

    @OptionGroup var keys: KeySetOptions

    @Option(parsing: .upToNextOption, help: "The scopes it may have.")
    var scope: [String] = []

    @Option(parsing: .upToNextOption, help: ArgumentHelp("The resources it may get tokens for.", valueName: "uri"))
    var resource: [String] = []

    @Option(parsing: .upToNextOption, help: "How it may get tokens (default client_credentials).")
    var grant: [GrantName] = []

    @OptionGroup var details: AuthorizationDetailsOptions

    @Option(help: ArgumentHelp("The resource that it is: it may exchange tokens addressed to it.", valueName: "uri"))
    var actsAs: String?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("A scope at its own resource that becomes one downstream.", valueName: "from=to@resource")
    )
    var exchangeScope: [ScopeMappingArgument] = []

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("A workload of a trusted issuer that stands for it.", valueName: "issuer=subject")
    )
    var workload: [WorkloadArgument] = []

    @Option(
        help: ArgumentHelp(
            "The SPIFFE ID that it is, or a path of them with /* at the end; for --auth spiffe_jwt or spiffe_x509.",
            valueName: "spiffe-id"))
    var spiffeId: String?

    @Flag(
        inversion: .prefixedNo,
        help: "Bind each of its tokens to a key: it has to send a DPoP proof with every request for one.")
    var dpopBound: Bool?

    @OptionGroup var certificates: CertificateOptions

    @Option(help: "Its tier.")
    var tier: String?

    @Option(
        help: ArgumentHelp(
            "How long its tokens live, at most 15m; `default` leaves it to the server.", valueName: "duration"))
    var tokenTtl: TokenLifetimeArgument?

    @Option(
        help: ArgumentHelp(
            "How long one of its tasks may live, at most 30d; `none` takes the limit away.", valueName: "duration"))
    var maxTaskLife: TaskLifeArgument?

    @Option(
        help: ArgumentHelp(
            "How many tokens it may take in one task; `none` takes the limit away.", valueName: "count"))
    var maxTaskTokens: TaskTokensArgument?

    @Option(
        help: ArgumentHelp(
            "How long each of its secrets lives, from when it is made; `none` lets them live on.", valueName: "duration"
        ))
    var secretLifetime: TaskLifeArgument?

    @Option(help: ArgumentHelp("Who answers for it.", valueName: "text"))
    var owner: String?

    @Option(help: ArgumentHelp("What it is for.", valueName: "text"))
    var purpose: String?

    @Option(name: .customLong("type"), help: ArgumentHelp("What kind of agent it is.", valueName: "text"))
    var agentType: String?

    @Option(name: .customLong("version"), help: ArgumentHelp("The version of the agent.", valueName: "text"))
    var agentVersion: String?

    func validate() throws {
        if certificates.certificate != nil {
            for (option, value) in [("--jwks", keys.jwks), ("--jwks-uri", keys.jwksUri)] {
                guard value?.isEmpty ?? true else {
                    throw ValidationError("--certificate and \(option) cannot be given together")
                }
            }
        }
        try tokenTtl?.validate()
    }

    func set(in document: inout JSONObject) throws {
        document.set("auth", auth)
        try keys.set(in: &document)
        document.set("scopes", scope)
        document.set("resources", resource)
        document.set("grants", grant.map(\.rawValue))
        try details.set(in: &document)
        document.set("acts_as", actsAs)
        if !exchangeScope.isEmpty { document["exchange_scopes"] = .array(exchangeScope.map(\.json)) }
        if !workload.isEmpty { document["workloads"] = .array(workload.map(\.json)) }
        document.set("spiffe_id", spiffeId)
        document.set("dpop_bound", dpopBound)
        try certificates.set(in: &document)
        document.set("tier", tier)
        document.set("token_ttl", tokenTtl)
        if let maxTaskLife { document["max_task_life"] = maxTaskLife.json }
        if let maxTaskTokens { document["max_task_tokens"] = maxTaskTokens.json }
        if let secretLifetime { document["secret_lifetime"] = secretLifetime.json }
        document.set("owner", owner)
        document.set("purpose", purpose)
        document.set("type", agentType)
        document.set("version", agentVersion)
    }
}

/// `FROM=TO@RESOURCE`: who has `FROM` at the client's own resource may have `TO` at `RESOURCE`.
struct ScopeMappingArgument: ExplainedArgument, Equatable, Sendable {
    let from: String
    let to: String
    let resource: String

    static let form = "FROM=TO@RESOURCE: two scopes and the http or https URI of a resource"

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "=") else { return nil }
        let rest = argument[argument.index(after: equals)...]
        // Scopes and URIs may hold an @ of their own: the resource begins behind the last one that a scheme follows.
        let places = rest.indices.filter { rest[$0] == "@" && Self.startsWithScheme(rest[rest.index(after: $0)...]) }
        guard let at = places.last else { return nil }
        from = String(argument[..<equals])
        to = String(rest[..<at])
        resource = String(rest[rest.index(after: at)...])
        guard !from.isEmpty, !to.isEmpty else { return nil }
    }

    var json: JSON { .object(["from": .string(from), "to": .string(to), "resource": .string(resource)]) }

    private static func startsWithScheme(_ text: Substring) -> Bool {
        text.hasPrefix("https://") || text.hasPrefix("http://")
    }
}

/// `ISSUER=SUBJECT`: the workload that a trusted issuer, by its short name, calls `SUBJECT`.
struct WorkloadArgument: ExplainedArgument, Equatable, Sendable {
    let issuer: String
    let subject: String

    static let form = "ISSUER=SUBJECT: the name of a trusted issuer and what it calls the workload"

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "=") else { return nil }
        issuer = String(argument[..<equals])
        subject = String(argument[argument.index(after: equals)...])
        guard !issuer.isEmpty, !subject.isEmpty else { return nil }
    }

    var json: JSON { .object(["issuer": .string(issuer), "subject": .string(subject)]) }
}
