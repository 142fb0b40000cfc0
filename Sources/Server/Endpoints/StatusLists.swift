import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `GET /status-lists/ID` and the list of lists: public, cacheable (Token Status List sections 8.1 and 9.3).
struct StatusListRoutes: Sendable {
    let server: AuthorizationServer

    private static let cors: HTTPFields = [.accessControlAllowOrigin: "*", .vary: "Accept"]

    func list(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .statusList }
        guard Self.accepts(ContentType.statusList, request) else {
            throw HTTPRefusal(
                status: .notAcceptable, detail: "a status list is served as \(ContentType.statusList) only")
        }
        guard request.uri.queryParameters["time"] == nil else {
            throw HTTPRefusal(status: .notImplemented, detail: "only the status of this moment is known")
        }
        guard let id = StatusListID(try context.pathName("id")),
            let document = try await server.statusLists.document(id, at: server.now())
        else { throw HTTPRefusal(status: .notFound, detail: "no such status list, or its last token has expired") }
        var headers = Self.cors
        headers[.eTag] = document.tag
        if request.knows(tag: document.tag) {
            headers[.cacheControl] = cache
            return Response(status: .notModified, headers: headers)
        }
        return Response(type: ContentType.statusList, bytes: document.bytes, cache: cache, headers: headers)
    }

    func aggregation(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .statusList }
        let document: JSONObject = ["status_lists": .array(server.statusLists.uris.map(JSON.string))]
        return Response(bytes: JSON.object(document).serialized, cache: cache, headers: Self.cors)
    }

    private var cache: String { "public, max-age=\(server.statusLists.lifetime)" }

    /// Whether the `Accept` header admits a type; without one everything is (RFC 9110 section 12.5.1).
    private static func accepts(_ type: String, _ request: Request) -> Bool {
        let ranges = request.headers[values: .accept].flatMap { $0.split(separator: ",") }
        if ranges.isEmpty { return true }
        return ranges.contains { range in
            let parts = range.split(separator: ";").map { $0.filter { $0 != " " }.lowercased() }
            guard let name = parts.first, !parts.dropFirst().contains(where: Self.isZeroWeight) else { return false }
            return [type, "application/*", "*/*"].contains(name)
        }
    }

    private static func isZeroWeight(_ parameter: String) -> Bool {
        guard parameter.hasPrefix("q=") else { return false }
        return Double(parameter.dropFirst(2)) == 0
    }
}
