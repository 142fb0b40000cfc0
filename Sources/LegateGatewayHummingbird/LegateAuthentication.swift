import HTTPTypes
public import Hummingbird
public import LegateGateway

/// A request context that can hold the token of the call.
public protocol LegateRequestContext: RequestContext {
    /// Set by `LegateAuthentication`; nil before it.
    var legateToken: VerifiedToken? { get set }
    /// The client certificate in DER that the caller has proved to hold the key of, in the TLS connection of the request;
    /// nil unless the context says otherwise. Tokens that are bound to a certificate need it.
    var legateCertificate: [UInt8]? { get }
}

extension LegateRequestContext {
    public var legateCertificate: [UInt8]? { nil }
}

/// Lets a call through only with a live access token, and puts that into the request's context.
///
/// Everything else is answered here with the challenge of RFC 6750 section 3 or RFC 9449 section 7.1: 401 without a good
/// token or without proof of what it is bound to, 403 without the scope, 503 while revocations cannot be checked.
public struct LegateAuthentication<Context: LegateRequestContext>: RouterMiddleware {
    private let gateway: Gateway
    private let scopes: [String]
    private let metadata: String

    /// - Parameters:
    ///   - scopes: all of them are needed.
    ///   - resourceMetadata: the address of the resource's metadata document (RFC 9728), by which an agent finds out where
    ///     to get a token; Legate serves it at `{issuer}/resources/{name}/oauth-protected-resource`.
    public init(gateway: Gateway, scopes: [String] = [], resourceMetadata: String) {
        self.gateway = gateway
        self.scopes = scopes
        metadata = resourceMetadata
    }

    public func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let call = GatewayCall(
            method: request.method.rawValue, target: request.uri.string,
            authorization: request.headers[values: .authorization], proofs: request.headers[values: .dpop],
            certificate: context.legateCertificate)
        var context = context
        do throws(RefusedToken) {
            let token = try await gateway.verifyFetchingKeys(call)
            for scope in scopes { try token.require(scope: scope) }
            context.legateToken = token
        } catch {
            return Self.response(
                gateway.answer(to: call, refusedBy: error, scopes: scopes, resourceMetadata: metadata))
        }
        var response = try await next(request, context)
        if let nonce = context.legateToken?.nextNonce { response.headers[.dpopNonce] = nonce }
        return response
    }

    private static func response(_ answer: GatewayAnswer) -> Response {
        var headers = HTTPFields()
        for header in answer.headers {
            if let name = HTTPField.Name(header.name) { headers.append(HTTPField(name: name, value: header.value)) }
        }
        return Response(
            status: HTTPResponse.Status(code: answer.status), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: answer.body)))
    }
}

extension HTTPField.Name {
    /// RFC 9449 section 4.1.
    fileprivate static let dpop = known("DPoP")
    /// RFC 9449 section 8.1.
    fileprivate static let dpopNonce = known("DPoP-Nonce")

    /// A name that is a constant of ours; the fallback is never reached for a valid token.
    private static func known(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .authorization }
}
