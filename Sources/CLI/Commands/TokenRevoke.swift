import ArgumentParser
import JOSE

/// `legate token revoke`
struct TokenRevoke: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "End a token: as the client it was issued to (RFC 7009), or as an operator.",
        discussion: """
            Example:
              legate token revoke token.jwt
              legate token revoke token.jwt --client planner \\
                  --secret-file planner.secret
            """
    )

    @Argument(help: "A file with the token, or - for standard input.", completion: .file())
    var tokenFile: String

    @OptionGroup var acting: ActingClientOptions
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if tokenFile == "-", acting.secretFile == "-" {
            throw ValidationError("only one of the files can be standard input")
        }
    }

    func answer(from server: AdminClient) async throws -> Answer {
        let token = try Files.word(tokenFile, what: "token")
        if let client = try acting.credentials() {
            return try await revoke(token, as: client, server)
        }
        let own = try server.credentials()
        // What anyone may have written must not choose whose token ends: the claims count once they are verified.
        let jwt = try? UnverifiedJWT(token).verified(with: try await server.keys(), types: .exactly("at+jwt"))
        guard let claims = jwt?.claims, claims["client_id"]?.string != own.clientID, let jti = claims["jti"]?.string
        else { return try await revoke(token, as: own, server) }
        return .card(try await server.post("revocations", ["kind": "token", "id": .string(jti)]))
    }

    private func revoke(_ token: String, as client: Credentials, _ server: AdminClient) async throws -> Answer {
        let form = [(name: "token", value: token)]
        _ = try await server.post(to: server.discovery().revocationEndpoint, form, as: client)
        return .done("the token is dead")
    }
}
