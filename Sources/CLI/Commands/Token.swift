import ArgumentParser

/// `legate token`
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Get tokens, exchange them, look into them, end them.",
        discussion: """
            Example:
              legate token issue --client planner --secret-file planner.secret \\
                  --scope orders:read --task invoice-42
            """,
        subcommands: [TokenIssue.self, TokenExchange.self, TokenInspect.self, TokenRevoke.self]
    )
}

/// As which client a token command speaks: the profile's, or another one with its secret from a file.
struct ActingClientOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The client, instead of the profile's.", valueName: "id"))
    var client: String?

    @Option(
        help: ArgumentHelp("A file with the client's secret, or - for standard input.", valueName: "file"),
        completion: .file()
    )
    var secretFile: String?

    func validate() throws {
        if client != nil, secretFile == nil { throw ValidationError("--client needs --secret-file") }
        if client == nil, secretFile != nil { throw ValidationError("--secret-file needs --client") }
    }

    /// Nil when no client is named.
    func credentials() throws -> Credentials? {
        guard let client, let secretFile else { return nil }
        return Credentials(clientID: client, secret: try Files.word(secretFile, what: "secret"))
    }
}

/// What a client says about the work it wants a token for.
struct WorkOptions: ParsableArguments {
    @Option(parsing: .upToNextOption, help: "The scopes (default: all that are possible).")
    var scope: [String] = []

    @Option(help: ArgumentHelp("The task this is for.", valueName: "id"))
    var task: String?

    @Option(help: ArgumentHelp("The session this belongs to.", valueName: "id"))
    var session: String?

    @Option(help: ArgumentHelp("The running instance of the agent.", valueName: "id"))
    var agentId: String?

    @Option(help: ArgumentHelp("Why, for the audit trail.", valueName: "text"))
    var reason: String?

    var form: [(name: String, value: String)] {
        let scopes = scope.filter { !$0.isEmpty }
        let pairs: [(name: String, value: String?)] = [
            ("scope", scopes.isEmpty ? nil : scopes.joined(separator: " ")), ("task_id", task),
            ("session_id", session), ("agent_id", agentId), ("reason", reason),
        ]
        return pairs.compactMap { pair in pair.value.map { (pair.name, $0) } }
    }
}
