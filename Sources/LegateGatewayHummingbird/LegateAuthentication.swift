import HTTPTypes
public import Hummingbird
public import LegateGateway

/// A request context that can hold the token of the call.
public protocol LegateRequestContext: RequestContext {
    /// Set by `LegateAuthentication`; nil before it.
    var legateToken: VerifiedToken? { get set }
}

/// Lets a call through only with a live access token, and puts that into the request's context.
///
/// Everything else is answered here with the challenge of RFC 6750 section 3: 401 without a good token, 403 without the
/// scope, 503 while revocations cannot be checked.
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
        let fields = request.headers[values: .authorization]
        guard let field = fields.first else { return answer(.unauthorized, nil) }
        guard fields.count == 1, let compact = Self.bearer(field) else {
            return answer(.unauthorized, ("invalid_token", "The Authorization header must be Bearer and one token."))
        }
        let token: VerifiedToken
        do throws(RefusedToken) {
            token = try await gateway.verifyFetchingKeys(compact)
            for scope in scopes { try token.require(scope: scope) }
        } catch .unavailable {
            return unavailable()
        } catch .insufficientScope(let scope) {
            let refusal = RefusedToken.insufficientScope(scope)
            return answer(.forbidden, ("insufficient_scope", refusal.description))
        } catch {
            return answer(.unauthorized, ("invalid_token", error.description))
        }
        var context = context
        context.legateToken = token
        return try await next(request, context)
    }

    /// The token of `Bearer TOKEN` (RFC 6750 section 2.1), or nil.
    static func bearer(_ field: String) -> String? {
        let parts = field.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        guard let scheme = parts.first, scheme.lowercased() == "bearer", let rest = parts.dropFirst().first else {
            return nil
        }
        let token = rest.drop { $0 == " " }
        guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        return String(token)
    }

    private func answer(_ status: HTTPResponse.Status, _ error: (code: String, description: String)?) -> Response {
        var parameters: [String] = []
        if let error {
            parameters.append(#"error="\#(error.code)""#)
            parameters.append(#"error_description="\#(Self.quotable(error.description))""#)
        }
        if !scopes.isEmpty { parameters.append(#"scope="\#(Self.quotable(scopes.joined(separator: " ")))""#) }
        parameters.append(#"resource_metadata="\#(Self.quotable(metadata))""#)
        var response = body(status, error?.code ?? "invalid_token", error?.description ?? "A bearer token is required.")
        response.headers[.wwwAuthenticate] = "Bearer " + parameters.joined(separator: ", ")
        return response
    }

    private func unavailable() -> Response {
        var response = body(
            .serviceUnavailable, "temporarily_unavailable", RefusedToken.unavailable.description)
        response.headers[.retryAfter] = "2"
        return response
    }

    private func body(_ status: HTTPResponse.Status, _ code: String, _ description: String) -> Response {
        let text = #"{"error":"\#(code)","error_description":"\#(Self.quotable(description))"}"#
        return Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text))
        )
    }

    /// Only what may stand between quotation marks, in a header as in JSON.
    private static func quotable(_ text: String) -> String {
        String(decoding: text.utf8.filter { $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }, as: UTF8.self)
    }
}
