import ArgumentParser
import JOSE

/// `legate token issue`
struct TokenIssue: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "issue",
        abstract: "Get a token for a client itself (client_credentials).",
        discussion: """
            Example:
              legate token issue --client planner --secret-file planner.secret \\
                  --resource https://orders.example.com --scope orders:read \\
                  --task invoice-42 --reason "monthly report"
            """
    )

    @OptionGroup var acting: ActingClientOptions

    @Option(help: ArgumentHelp("The resource the token is for (default: the client's only one).", valueName: "uri"))
    var resource: String?

    @OptionGroup var details: RequestedDetailsOptions
    @OptionGroup var work: WorkOptions
    @OptionGroup var proof: ProofKeyOptions
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        try details.shareStandardInput(with: [acting.secretFile])
    }

    func answer(from server: AdminClient) async throws -> Answer {
        let credentials = try acting.credentials() ?? server.credentials()
        return .card(.object(try await server.token(try form(), as: credentials, proving: try proof.key())))
    }

    func form() throws -> [(name: String, value: String)] {
        var form = [(name: "grant_type", value: "client_credentials")]
        if let resource { form.append(("resource", resource)) }
        return form + work.form + (try details.form())
    }
}
