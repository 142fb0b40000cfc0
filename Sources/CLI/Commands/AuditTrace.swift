import ArgumentParser
import JOSE

/// `legate audit trace`
struct AuditTrace: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Who authorised this token, and what was the chain of custody?",
        discussion: """
            Example:
              legate audit trace 01KAJ4Z5V9Q8

            The jti is in the token's claims: legate token inspect TOKEN_FILE.
            """
    )

    @Argument(help: "The jti of the token.")
    var jti: String

    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        let trace = try await server.get("audit/trace/\(jti.segment)")
        return Answer(trace, text: TraceScreen(trace.object ?? [:]).text)
    }
}
