import HTTPTypes
import Hummingbird
import OAuth

/// `/check` and `/check/…`, with any method: forward authentication for gateways. The body is not read.
struct CheckRoute: Sendable {
    let server: AuthorizationServer
    let metrics: Metrics
    /// The path of the endpoint, that of the issuer included.
    let path: String

    func respond(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .check }
        do {
            let pass = try await server.checkEndpoint.answer(try question(in: request, context))
            context.notes.note { $0.clientID = pass.token.clientID.text }
            metrics.check(.allowed)
            context.give(nonce: pass.nonce)
            return Response(status: .noContent, headers: Self.headers(for: pass))
        } catch let refusal as CheckRefusal {
            context.notes.note { $0.clientID = refusal.client?.text }
            metrics.check(.refused(refusal.kind))
            if refusal.error.code == .invalidClient { metrics.authenticationFailed() }
            throw challenge(for: refusal)
        } catch let error as OAuthError {
            metrics.check(.refused(.request))
            throw error
        } catch {
            metrics.check(.unavailable)
            throw error
        }
    }

    private func question(in request: Request, _ context: LegateContext) throws -> CheckRequest {
        let gateway = request.headers[values: .gatewayAuthorization]
        guard gateway.count <= 1 else {
            throw OAuthError(.invalidRequest, "more than one \(HTTPField.Name.gatewayAuthorization) header")
        }
        return CheckRequest(
            credentials: BearerCredentials(try request.authorization()), gatewayAuthorization: gateway.first,
            parameters: try OAuth.Parameters(form: Array((request.uri.query ?? "").utf8)),
            context: context.audited(
                as: ForwardedCall.description(request.method, request.uri.path, request.headers, at: path)
            ),
            presented: Presented(
                proofs: request.headers[values: .dpop], method: request.method.rawValue,
                certificate: try ForwardedCall.certificate(in: request.headers)
            ),
            forwarded: ForwardedCall.target(request.uri.path, request.headers, at: path),
            gatewayCertificate: context.certificate
        )
    }

    /// What the upstream may know. What is not there has no header: the gateway must take off what the agent sent
    /// under these names.
    private static func headers(for pass: CheckPass) -> HTTPFields {
        let identity = pass.token.identity
        var headers = HTTPFields()
        headers[.cacheControl] = "no-store"
        headers[.authSubject] = VisibleText.field(identity.subject)
        headers[.authClient] = identity.clientID.text
        if let agent = identity.agentID { headers[.authAgent] = VisibleText.field(agent) }
        if let delegation = identity.delegationID { headers[.authDelegation] = delegation.text }
        if !pass.token.scopes.isEmpty { headers[.authScope] = pass.token.scopes.description }
        if let upstream = pass.upstream {
            headers[.upstreamHeader] = upstream.header
            headers[.upstreamCredential] = upstream.value
        }
        return headers
    }

    /// To the agent by `WWW-Authenticate`, which gateways pass on; to the gateway by a field of its own, so that no
    /// agent takes it for a question to itself.
    private func challenge(for refusal: CheckRefusal) -> any Error {
        switch refusal.kind {
        case .noCredentials, .invalidToken, .insufficientScope, .insufficientAuthorization:
            guard let resource = refusal.resource else { return refusal.error }
            let header = BearerChallenge.header(
                refusal.kind == .noCredentials ? nil : refusal.error,
                scheme: .init(for: refusal.credentials, refusal.error, at: resource),
                scope: refusal.scopes.isEmpty ? nil : refusal.scopes.description,
                metadata: server.metadata.resourceMetadataURL(of: resource)
            )
            return Challenge(error: refusal.error, header: header)
        case .gateway where refusal.error.code == .invalidClient:
            return Challenge(
                error: refusal.error, header: #"Basic realm="legate", charset="UTF-8""#, field: .gatewayAuthenticate
            )
        case .gateway, .request: return refusal.error
        }
    }
}

extension HTTPField.Name {
    static let gatewayAuthorization = HTTPField.Name.known("Legate-Gateway-Authorization")
    static let gatewayAuthenticate = HTTPField.Name.known("Legate-Gateway-Authenticate")
    /// Which header the gateway has to put on the call.
    static let upstreamHeader = HTTPField.Name.known("Legate-Upstream-Header")
    /// What stands in it. It is for the gateway alone.
    static let upstreamCredential = HTTPField.Name.known("Legate-Upstream-Credential")
    static let authSubject = HTTPField.Name.known("X-Auth-Subject")
    static let authClient = HTTPField.Name.known("X-Auth-Client")
    static let authAgent = HTTPField.Name.known("X-Auth-Agent")
    static let authDelegation = HTTPField.Name.known("X-Auth-Delegation")
    static let authScope = HTTPField.Name.known("X-Auth-Scope")
}
