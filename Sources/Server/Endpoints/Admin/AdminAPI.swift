import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// What every admin endpoint shares: the bearer token, strict JSON, ETags, and a refusal that is audited.
struct AdminAPI: Sendable {
    let server: AuthorizationServer
    let bearer: BearerAuthentication

    typealias Handler = @Sendable (AdminRequest) async throws -> Response

    /// Turns a handler that knows only the admin API into a route.
    ///
    /// - Parameter scope: what the call needs, told in the challenge; the handler's own check decides.
    func endpoint(
        _ name: String, scope: String, _ handler: @escaping Handler
    ) -> @Sendable (Request, LegateContext) async throws -> Response {
        { request, context in
            context.notes.note { $0.route = .admin }
            let token = try await bearer.authenticate(request, context, as: name, scope: scope)
            context.notes.note { $0.clientID = token.clientID.text }
            let caller = Operator(token: token, context: context.audited(as: name))
            do {
                return try await handler(AdminRequest(request: request, context: context, caller: caller))
            } catch let error as OAuthError where error.code == .insufficientScope {
                try await server.recordRefusal(error, by: caller)
                throw bearer.refuse(error, error.detail ?? scope, to: request)
            }
        }
    }
}

/// One request to the admin API, authenticated.
struct AdminRequest: Sendable {
    let request: Request
    let context: LegateContext
    let caller: Operator
    /// The name when the path spells it out.
    var fixedName: String?

    /// The body as one JSON object; an empty body is an empty object.
    ///
    /// - Parameter limit: bytes that it may weigh.
    func document(limit: Int = Limits.body) async throws -> JSONObject {
        try await Self.document(of: request, limit: limit)
    }

    /// The same of a request that comes without a token.
    static func document(of request: Request, limit: Int = Limits.body) async throws -> JSONObject {
        let bytes = try await request.boundedBody(upTo: limit)
        if bytes.isEmpty { return [:] }
        let type = request.headers[.contentType]?.mediaType ?? ""
        guard type == "application/json" || type == "application/merge-patch+json" else {
            throw HTTPRefusal(status: .unsupportedMediaType, detail: "the content type must be application/json")
        }
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: bytes)
        } catch {
            throw HTTPRefusal(status: .badRequest, detail: "the body is not acceptable JSON: \(error)")
        }
        guard let object = json.object else {
            throw HTTPRefusal(status: .badRequest, detail: "the body must be a JSON object")
        }
        return object
    }

    /// The name in the path, percent-decoded.
    func name() throws -> String {
        if let fixedName { return fixedName }
        return try context.pathName("id")
    }

    /// The revision in `If-Match`, if there is one.
    func ifMatch() throws -> Int? {
        guard let header = request.headers[.ifMatch], header != "*" else { return nil }
        guard header.hasPrefix("\""), header.hasSuffix("\""), let revision = Int(header.dropFirst().dropLast()) else {
            throw HTTPRefusal(status: .preconditionFailed, detail: "If-Match must be an ETag that this API gave")
        }
        return revision
    }

    func query(_ name: String) -> String? {
        request.uri.queryParameters[Substring(name)].map { String($0) }
    }

    /// The page size, 1 to 1,000.
    func limit() throws -> Int {
        guard let text = query("limit") else { return 100 }
        guard let limit = Int(text), (1...1000).contains(limit) else {
            throw InvalidDocument("limit", "must be 1 to 1000")
        }
        return limit
    }
}
