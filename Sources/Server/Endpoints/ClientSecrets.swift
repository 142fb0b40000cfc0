import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `POST /clients/self/rotate-secret`: a client replaces the secret with which it authenticates this request.
struct RotateOwnSecretRoute: Sendable {
    let desk: ClientSecretDesk

    func rotate(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .clientSecret }
        do {
            let client = ClientRequest(
                authorization: try request.authorization(), parameters: try await request.formOrNothing(),
                context: context.audited(as: "POST /clients/self/rotate-secret")
            )
            let (id, answer) = try await desk.rotate(for: client)
            context.notes.note { $0.clientID = id.text }
            return Response(json: answer)
        } catch let error as OAuthError {
            throw error.challenged(by: request)
        }
    }
}

extension TokenResponse {
    /// Tells a client that the secret it has just used ends soon: seconds since 1970, as in its registration
    /// (`client_secret_expires_at`, RFC 7591 section 3.2.1).
    var warning: HTTPFields {
        secretExpiresAt.map { [.clientSecretExpiresAt: String($0.seconds)] } ?? [:]
    }
}

extension HTTPField.Name {
    static let clientSecretExpiresAt = HTTPField.Name.known("Legate-Client-Secret-Expires-At")
}
