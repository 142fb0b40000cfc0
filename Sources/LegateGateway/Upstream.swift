import AsyncHTTPClient
import JOSE
import NIOCore
import NIOHTTP1

/// The server's two documents, over HTTP: sizes and times are bounded, redirects are refused.
struct Upstream: Sendable {
    /// The server said no.
    struct Refusal: Error, CustomStringConvertible {
        let status: Int
        var description: String {
            switch status {
            case 401: "the server does not accept the credentials"
            case 403:
                "the client may not read the feed: it needs the scope revocations:read, and the kind gateway or resource"
            default: "the server answered \(status)"
            }
        }
    }

    /// The answer is not what it should be.
    struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }

    private let client: HTTPClient
    private let settings: GatewaySettings

    /// Three heartbeats without a byte, and the line is dead.
    static let silence = TimeAmount.seconds(6)
    /// Bytes of one event: what the server puts into one batch is a tenth of it.
    static let longestEvent = 4 << 20
    /// Bytes of one page of a snapshot.
    static let longestPage = 32 << 20
    private static let longestKeySet = 256 << 10
    private static let patience = TimeAmount.seconds(10)
    /// Tombstones that are asked for in one page.
    private static let pageSize = 2000

    init(_ client: HTTPClient, _ settings: GatewaySettings) {
        self.client = client
        self.settings = settings
    }

    /// The key set, and for how many seconds it may be kept.
    func keys() async throws -> (set: JWKSet, maximumAge: Int64?) {
        let response = try await send(settings.keysURL, accept: "application/json", isAuthorized: false)
        let bytes = try await body(response, upTo: Self.longestKeySet)
        let set = try JWKSet(json: try JSON(parsing: bytes))
        return (set, Self.maximumAge(response.headers[canonicalForm: "cache-control"]))
    }

    /// One page of the snapshot, as its JWS.
    ///
    /// - Returns: the head is what whoever answers says; only what is in the JWS is signed.
    func page(after sequence: Int64) async throws -> (jws: String, head: Int64) {
        let url = "\(settings.feedURL)?snapshot&after=\(sequence)&limit=\(Self.pageSize)"
        let document = try await document(try await send(url, accept: "application/json"))
        guard let jws = document["jws"]?.string, let head = document["head"]?.integer else {
            throw Unreadable(description: "the snapshot has no jws or no head")
        }
        return (jws, head)
    }

    /// The batch that follows, or a heartbeat when the time is over.
    func poll(after sequence: Int64, wait seconds: Int64) async throws -> String {
        let url = "\(settings.feedURL)?after=\(sequence)&wait=\(seconds)"
        let document = try await document(try await send(url, accept: "application/json"))
        guard let jws = document["jws"]?.string else { throw Unreadable(description: "the answer has no jws") }
        return jws
    }

    /// The feed as it happens.
    ///
    /// - Throws: `NoStream` when whoever answers does not send events.
    func stream(after sequence: Int64) async throws -> HTTPClientResponse.Body {
        let response = try await send(
            "\(settings.feedURL)?after=\(sequence)", accept: "text/event-stream", deadline: .distantFuture)
        guard response.headers[canonicalForm: "content-type"].first?.hasPrefix("text/event-stream") == true else {
            throw NoStream()
        }
        return response.body
    }

    struct NoStream: Error, CustomStringConvertible {
        let description = "the feed is not sent as events"
    }

    private func send(
        _ url: String, accept: String, isAuthorized: Bool = true, deadline: NIODeadline? = nil
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "User-Agent", value: "legate-gateway")
        request.headers.add(name: "Accept", value: accept)
        if isAuthorized { request.headers.add(name: "Authorization", value: settings.authorization) }
        let response = try await client.execute(request, deadline: deadline ?? .now() + Self.patience)
        guard response.status == .ok else { throw Refusal(status: Int(response.status.code)) }
        return response
    }

    private func body(_ response: HTTPClientResponse, upTo limit: Int) async throws -> [UInt8] {
        Array(try await response.body.collect(upTo: limit).readableBytesView)
    }

    private func document(_ response: HTTPClientResponse) async throws -> JSONObject {
        let bytes = try await body(response, upTo: Self.longestPage)
        guard let object = try JSON(parsing: bytes).object else {
            throw Unreadable(description: "the answer is not a JSON object")
        }
        return object
    }

    /// The `max-age` of `Cache-Control` (RFC 9111, 5.2.2.1); zero when nothing may be kept.
    static func maximumAge(_ fields: [Substring]) -> Int64? {
        for directive in fields.flatMap({ $0.split(separator: ",") }) {
            let parts = directive.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " }.lowercased() }
            switch (parts.first, parts.dropFirst().first) {
            case ("no-store"?, _), ("no-cache"?, _): return 0
            case ("max-age"?, let age?):
                if let seconds = Int64(age.filter { $0 != "\"" }), seconds >= 0 { return seconds }
            default: continue
            }
        }
        return nil
    }
}
