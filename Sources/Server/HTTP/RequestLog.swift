import HTTPTypes
import Hummingbird
import JOSE
import OAuth
import Vault

/// One line for each request: what, who, how it ended and how long it took. Never a token, a secret or a query.
struct RequestLog: Sendable {
    let sink: LogSink
    let now: Now

    func write(
        _ request: Request, _ status: HTTPResponse.Status, _ notes: RequestNotes.Notes, _ duration: Duration
    ) {
        sink.write { line in
            line.beginObject()
            line.member("time", RFC3339Time.format(now().milliseconds))
            line.member("level", status.code >= 500 ? "error" : "info")
            line.member("message", "request")
            line.member("request_id", notes.requestID)
            if let traceID = notes.traceID { line.member("trace_id", traceID) }
            line.member("method", request.method.rawValue)
            line.member("route", notes.route.name)
            let path = request.uri.path
            line.member("path", path.utf8.count <= 256 ? path : String(path.prefix(256)))
            if let clientID = notes.clientID { line.member("client_id", clientID) }
            line.member("status", Int64(status.code))
            if let error = notes.error { line.member("error", error) }
            if let detail = notes.detail { line.member("detail", String(detail.prefix(512))) }
            line.member("duration_us", duration.microseconds)
            line.endObject()
        }
    }
}

extension Duration {
    var microseconds: Int64 { components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000 }
}
