import ArgumentParser
import JOSE

/// `legate secret unwrap`
struct SecretUnwrap: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "unwrap",
        abstract: "Open a reference, once. Only the value is written to standard output.",
        discussion: """
            A reference that was opened before is refused and raises an alert: whoever opened it has the value. Whoever \
            opens one needs a token for the vault of their own, which names them in the audit trail.

            Example:
              legate secret get payments/stripe --wrap 5m --client planner \\
                  --secret-file planner.secret > reference
              legate secret unwrap - --client builder --secret-file builder.secret < reference
            """
    )

    @Argument(help: ArgumentHelp("The reference, or - to read it from standard input.", valueName: "reference"))
    var reference: String

    @Flag(help: "The whole answer with the lease, as JSON.")
    var json = false

    @OptionGroup var reading: VaultReaderOptions
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if reference == "-", reading.tokenFile == "-" {
            throw ValidationError("only one thing can be read from standard input")
        }
    }

    func answer(from server: AdminClient) async throws -> Answer {
        let text = reference == "-" ? try Files.word("-", what: "reference") : reference
        let token = try await reading.token(from: server)
        return .card(
            try await server.vault("POST", "unwrap", body: ["reference": .string(text)], token: token))
    }

    func run() async throws {
        let answer = try await connection.withServer { try await self.answer(from: $0) }
        try ReleasedValue.print(answer, asJSON: json || connection.output == .json)
    }
}
