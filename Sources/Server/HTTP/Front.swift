import HTTPTypes
package import Hummingbird
import JOSE
import OAuth

/// The front door: every request passes it, and every answer.
///
/// It gives the request its id, refuses what is too large or carries credentials in its URL, turns errors into answers,
/// and writes one log line and one count. It reads no body and decides nothing about tokens.
package struct Front<Inner: HTTPResponder>: HTTPResponder where Inner.Context == LegateContext {
    package typealias Context = LegateContext

    private let inner: Inner
    private let renderer = ErrorRenderer()
    private let problemPrefixes: [String]
    /// What stands behind it is somebody else's path: nothing is asked of its form.
    private let opaquePrefix: String
    private let isTLS: Bool
    private let certificates: PeerCertificates
    private let log: RequestLog
    private let metrics: Metrics

    init(
        _ inner: Inner, problemPrefixes: [String], opaquePrefix: String, isTLS: Bool, certificates: PeerCertificates,
        log: RequestLog, metrics: Metrics
    ) {
        self.inner = inner
        self.problemPrefixes = problemPrefixes
        self.opaquePrefix = opaquePrefix
        self.isTLS = isTLS
        self.certificates = certificates
        self.log = log
        self.metrics = metrics
    }

    package func respond(to request: Request, context: LegateContext) async throws -> Response {
        let start = ContinuousClock.now
        let requestID = Unguessable.text(bytes: 10)
        let traceID = headerOnce(.traceparent, of: request).flatMap { TraceContext.traceID($0) }
        context.notes.note {
            $0.requestID = requestID
            $0.traceID = traceID
        }
        var response: Response
        do {
            try checkShape(of: request)
            var identified = context
            try certificates.identify(request, in: &identified)
            response = try await inner.respond(to: request, context: identified)
            // The router answers an unknown path by itself, without a word.
            if response.status == .notFound, response.headers[.contentType] == nil { throw HTTPError(.notFound) }
        } catch {
            let fault = Fault(error)
            context.notes.note {
                $0.error = fault.code
                $0.detail = fault.detail ?? fault.description
            }
            response = renderer.answer(error, on: surface(of: request), requestID: requestID)
            if fault.status == .contentTooLarge || fault.status == .requestHeaderFieldsTooLarge {
                response.headers[.connection] = "close"
            }
        }
        if request.method == .head {
            // Errors too: bytes after the head of such an answer would be taken for the next one.
            response.body = ResponseBody(contentLength: response.body.contentLength) { try await $0.finish(nil) }
        }
        if response.status == .noContent || response.status == .notModified { response.headers[.contentLength] = nil }
        response.headers[.requestID] = requestID
        response.headers[.contentTypeOptions] = "nosniff"
        if isTLS { response.headers[.strictTransportSecurity] = "max-age=31536000" }

        let duration = ContinuousClock.now - start
        let notes = context.notes.value
        if let nonce = notes.nonce, response.headers[.dpopNonce] == nil { response.headers[.dpopNonce] = nonce }
        metrics.request(
            route: notes.route, outcome: Metrics.Outcome(status: Int(response.status.code)), duration: duration)
        log.write(request, response.status, notes, duration)
        return response
    }

    private func surface(of request: Request) -> ErrorRenderer.Surface {
        let path = request.uri.path
        return problemPrefixes.contains { path == $0 || path.hasPrefix($0 + "/") } ? .problem : .oauth
    }

    private func headerOnce(_ name: HTTPField.Name, of request: Request) -> String? {
        let values = request.headers[values: name]
        return values.count == 1 ? values[0] : nil
    }

    /// Names that must never stand in a URL, where logs and histories keep them.
    private static var credentials: Set<String> {
        ["access_token", "client_secret", "client_assertion", "subject_token", "actor_token", "token"]
    }

    private func checkShape(of request: Request) throws {
        let target = request.head.path ?? ""
        guard target.utf8.count <= Limits.target else {
            throw HTTPRefusal(status: .uriTooLong, detail: "the request target is longer than \(Limits.target) bytes")
        }
        // One host, named once (RFC 9112 section 3.2); the second of two stays among the fields.
        guard request.head.authority?.isEmpty == false, request.headers[values: .host].isEmpty else {
            throw HTTPRefusal(status: .badRequest, detail: "exactly one Host header is required")
        }
        // The router forgives extra slashes; a rule in front of us that names a path would not.
        guard Self.isPlainPath(target) || target.utf8.starts(with: opaquePrefix.utf8) else {
            throw HTTPError(.notFound)
        }
        var size = 0
        for field in request.headers { size += field.name.rawName.utf8.count + field.value.utf8.count + 4 }
        guard size <= Limits.headers else {
            throw HTTPRefusal(
                status: .requestHeaderFieldsTooLarge, detail: "the headers are larger than \(Limits.headers) bytes"
            )
        }
        guard let query = request.uri.query, !query.isEmpty else { return }
        for pair in query.split(separator: "&") where Self.credentials.contains(String(pair.prefix { $0 != "=" })) {
            throw OAuthError(
                .invalidRequest, "credentials and tokens do not belong in a URL: send them in the body or a header")
        }
    }

    /// No empty segment, and no slash at the end, in the part before the query.
    private static func isPlainPath(_ target: String) -> Bool {
        var previous: UInt8 = 0
        var length = 0
        for byte in target.utf8 {
            if byte == UInt8(ascii: "?") { break }
            if byte == UInt8(ascii: "/"), previous == byte { return false }
            previous = byte
            length += 1
        }
        return length == 1 || previous != UInt8(ascii: "/")
    }
}
