import ArgumentParser
import JOSE

/// As whom an agent reads: with a token that it holds, or as a client that gets one for the vault.
struct VaultReaderOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file with a token for the vault, or - for standard input, instead of a client's credentials.",
            valueName: "file"),
        completion: .file()
    )
    var tokenFile: String?

    @OptionGroup var acting: ActingClientOptions

    @Option(help: ArgumentHelp("The task this is for: the lease ends with it.", valueName: "id"))
    var task: String?

    @Option(help: ArgumentHelp("The session this belongs to.", valueName: "id"))
    var session: String?

    @Option(help: ArgumentHelp("The running instance of the agent.", valueName: "id"))
    var agentId: String?

    @Option(help: ArgumentHelp("Why, for the audit trail.", valueName: "text"))
    var reason: String?

    func validate() throws {
        guard tokenFile != nil else { return }
        if acting.client != nil { throw ValidationError("--token-file and --client are two ways to say who reads") }
        if task ?? session ?? agentId ?? reason != nil {
            throw ValidationError("a token says itself what it is for: not with --token-file")
        }
    }

    /// A token that may read.
    func token(from server: AdminClient) async throws -> String {
        if let tokenFile { return try Files.word(tokenFile, what: "token") }
        let form: [(name: String, value: String?)] = [
            ("grant_type", "client_credentials"), ("resource", OwnAPI.vault.resource(of: server.profile.server)),
            ("scope", "secrets:read"), ("task_id", task), ("session_id", session), ("agent_id", agentId),
            ("reason", reason),
        ]
        let answer = try await server.token(
            form.compactMap { pair in pair.value.map { (name: pair.name, value: $0) } },
            as: try acting.credentials() ?? server.credentials()
        )
        guard let token = answer["access_token"]?.string else {
            throw CommandFailure("the token endpoint answered without a token")
        }
        return token
    }
}
