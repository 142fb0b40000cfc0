import HTTPTypes
import Hummingbird
import JOSE
import NIOCore

extension HTTPField.Name {
    static let host = HTTPField.Name.known("Host")
    static let requestID = HTTPField.Name.known("X-Request-Id")
    static let traceparent = HTTPField.Name.known("traceparent")
    static let rateLimit = HTTPField.Name.known("RateLimit")
    static let rateLimitPolicy = HTTPField.Name.known("RateLimit-Policy")
    static let retryAfter = HTTPField.Name.known("Retry-After")
    static let lastEventID = HTTPField.Name.known("Last-Event-ID")
    static let accelBuffering = HTTPField.Name.known("X-Accel-Buffering")
    static let contentTypeOptions = HTTPField.Name.known("X-Content-Type-Options")

    /// A name that is a constant of ours; the fallback is never reached for a valid token.
    static func known(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .server }
}

/// Content types of our answers.
enum ContentType {
    static let json = "application/json"
    static let problem = "application/problem+json"
    static let introspection = "application/token-introspection+jwt"
    static let statusList = "application/statuslist+jwt"
    static let jsonLines = "application/jsonl"
    static let metrics = "text/plain; version=0.0.4; charset=utf-8"
    static let event = "application/secevent+jwt"
    static let form = "application/x-www-form-urlencoded"
}

extension Response {
    /// Fields that most answers have at most, with those that the front door and the server add.
    private static let headerRoom = 8

    /// An answer with a body. Anything that may carry a token is not to be stored by anyone.
    init(
        _ status: HTTPResponse.Status = .ok, type: String = ContentType.json, bytes: [UInt8],
        cache: String = "no-store", headers extra: HTTPFields = HTTPFields()
    ) {
        var headers = extra
        headers.reserveCapacity(Self.headerRoom)
        headers[.contentType] = type
        headers[.cacheControl] = cache
        self.init(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    init(_ status: HTTPResponse.Status = .ok, json object: JSONObject, headers: HTTPFields = [:]) {
        self.init(status, bytes: JSON.object(object).serialized, headers: headers)
    }
}
