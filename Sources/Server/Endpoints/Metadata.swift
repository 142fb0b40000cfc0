import Crypto
import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// Documents that anyone may read and cache: server metadata, key set, resource metadata.
struct MetadataRoutes: Sendable {
    let server: AuthorizationServer
    private let documents: PublicDocuments

    init(server: AuthorizationServer) {
        self.server = server
        documents = PublicDocuments(server: server)
    }

    /// RFC 8414, and the same at `openid-configuration` for clients that look only there.
    func authorizationServer(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .metadata }
        return Self.cacheable(documents.authorizationServer, for: request)
    }

    /// OpenID SSF 1.0 section 7.
    func eventTransmitter(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .metadata }
        return Self.cacheable(server.streamDesk.configuration, for: request)
    }

    /// RFC 7517.
    func jwks(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .jwks }
        let keys = server.keys.published(at: server.now())
        return Self.cacheable(keys.json, for: request)
    }

    /// RFC 9728 for one of Legate's own resources.
    func own(_ resource: Resource) -> @Sendable (Request, LegateContext) async throws -> Response {
        { request, context in
            context.notes.note { $0.route = .resourceMetadata }
            return Self.cacheable(server.metadata.protectedResource(resource), for: request)
        }
    }

    /// RFC 9728 for a registered resource, ready for its gateway to serve.
    func registered(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .resourceMetadata }
        guard let name = context.parameters.get("name"), let resource = server.registry.resource(named: name),
            resource.enabled
        else { throw HTTPRefusal(status: .notFound, detail: "no such resource") }
        return Response(bytes: try documents.registered(resource), cache: Self.cache, headers: Self.cors)
    }

    private static let cache = "public, max-age=\(SigningKeys.cacheLifetime)"
    private static let cors: HTTPFields = [.accessControlAllowOrigin: "*"]

    /// A document that anyone may keep for a while, with its entity tag.
    static func cacheable(_ document: JSONObject, for request: Request) -> Response {
        let bytes = JSON.object(document).serialized
        let tag = "\"" + Base64URL.encode(Array(SHA256.hash(data: bytes)).prefix(16)) + "\""
        var headers = cors
        headers[.eTag] = tag
        if request.knows(tag: tag) {
            headers[.cacheControl] = cache
            return Response(status: .notModified, headers: headers)
        }
        return Response(bytes: bytes, cache: cache, headers: headers)
    }
}

extension Request {
    /// Whether `If-None-Match` has this entity tag.
    func knows(tag: String) -> Bool {
        let known = headers[values: .ifNoneMatch].flatMap { $0.split(separator: ",") }
        return known.contains { $0.trimmed == tag || $0.trimmed == "*" || $0.trimmed == "W/" + tag }
    }
}

extension Substring {
    fileprivate var trimmed: String {
        var text = self
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
