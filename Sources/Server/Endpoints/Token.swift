import HTTPTypes
import Hummingbird
import OAuth

/// `POST /token`
struct TokenRoute: Sendable {
    let endpoint: TokenEndpoint
    let issuer: IssuerURL
    let metrics: Metrics

    func respond(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .token }
        do {
            let client = try await request.clientRequest("POST /token", in: context, of: issuer)
            let answer = try await endpoint.respond(to: client)
            context.notes.note { $0.clientID = answer.token.clientID.text }
            context.give(nonce: answer.nonce)
            metrics.tokenIssued(answer.issuedTokenType == nil ? .clientCredentials : .tokenExchange)
            return Response(bytes: answer.json, headers: answer.warning)
        } catch let error as OAuthError {
            metrics.tokenRefused(error.code)
            throw error.challenged(by: request)
        }
    }
}

extension OAuthError {
    /// `invalid_client` names the scheme again when one was tried (RFC 6749 section 5.2).
    func challenged(by request: Request) -> any Error {
        guard code == .invalidClient, request.headers[.authorization] != nil else { return self }
        return Challenge(error: self, header: #"Basic realm="legate", charset="UTF-8""#)
    }
}
