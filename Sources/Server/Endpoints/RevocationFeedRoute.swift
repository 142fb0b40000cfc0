import HTTPTypes
import Hummingbird
import JOSE
import NIOCore
import OAuth
import Revocations

/// `GET /revocations`: the feed as long poll, as server-sent events, and its snapshot.
struct RevocationFeedRoute: Sendable {
    let server: AuthorizationServer
    let authentication: FeedAuthentication

    /// Seconds that a long poll may wait.
    private static let longestWait = 60
    private static let largestPage = Int64(RevocationFeed.largestPage)
    private static let eventStream = "text/event-stream"

    func respond(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .feed }
        let consumer = try await authentication.consumer(request, context, as: "GET /revocations")
        let query = request.uri.queryParameters
        let after = try number("after", query["after"].map { String($0) }, upTo: .max)
        do {
            if query["snapshot"] != nil {
                let limit = try number("limit", query["limit"].map { String($0) }, from: 1, upTo: Self.largestPage)
                let page = try await server.revocationFeed.snapshot(
                    after: after ?? 0, limit: Int(limit ?? Int64(RevocationFeed.largestBatch)), from: server.store,
                    at: server.now()
                )
                return Response(json: page)
            }
            if request.headers[values: .accept].contains(where: { $0.contains(Self.eventStream) }) {
                let resumed = try number("Last-Event-ID", request.headers[.lastEventID], upTo: .max)
                return try stream(after: resumed ?? after ?? server.revocationFeed.head, to: consumer)
            }
            let wait = try number("wait", query["wait"].map { String($0) }, upTo: Int64(Self.longestWait)) ?? 0
            return try await poll(after: after ?? 0, wait: Int(wait))
        } catch is RevocationFeed.SnapshotRequired {
            throw HTTPRefusal(
                status: .gone, code: "snapshot_required",
                detail:
                    "the feed does not reach back to this number: read GET /revocations?snapshot and follow from its head"
            )
        }
    }

    private func number(
        _ field: String, _ text: String?, from least: Int64 = 0, upTo limit: Int64
    ) throws -> Int64? {
        guard let text else { return nil }
        guard let value = Int64(text), (least...limit).contains(value) else {
            throw OAuthError(
                .invalidRequest, "\(field) must be a number\(limit == .max ? "" : " from \(least) to \(limit)")")
        }
        return value
    }

    /// One batch, at the latest when the time is over.
    private func poll(after sequence: Int64, wait seconds: Int) async throws -> Response {
        let feed = server.revocationFeed
        if seconds > 0, try feed.link(after: sequence) == nil {
            try await wait(after: sequence, seconds: seconds)
        }
        switch try feed.current(after: sequence, at: server.now()) {
        case .batch(let link), .heartbeat(let link): return Response(bytes: link.json)
        case .ended: throw HTTPRefusal(status: .serviceUnavailable, detail: "the server is stopping")
        }
    }

    /// Returns when there is something new, the time is over or the server stops.
    private func wait(after sequence: Int64, seconds: Int) async throws {
        let feed = server.revocationFeed
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while case .heartbeat = try await feed.next(after: sequence) {}
            }
            group.addTask { try await Task.sleep(for: .seconds(seconds)) }
            try await group.next()
            group.cancelAll()
        }
    }

    /// Batches as they come, for as long as the consumer may read them.
    ///
    /// The next batch is asked for when the connection has taken the last one: nothing piles up for a slow consumer.
    private func stream(after start: Int64, to consumer: FeedAccess.Consumer) throws -> Response {
        let feed = server.revocationFeed
        let access = server.feedAccess
        let now = server.now
        // One that is too far behind is told so with a status, which a stream that has begun cannot do any more.
        let first = try feed.current(after: start, at: now())
        var headers = HTTPFields()
        headers[.contentType] = Self.eventStream
        headers[.cacheControl] = "no-store"
        headers[.accelBuffering] = "no"
        let body = ResponseBody { writer in
            var after = start
            var next: RevocationFeed.Turn? = first
            while let turn = next, access.mayFollow(consumer) {
                switch turn {
                case .batch(let link):
                    try await writer.write(Self.event(link))
                    after = link.batch.next
                case .heartbeat(let link): try await writer.write(Self.heartbeat(link))
                case .ended:
                    try await writer.finish(nil)
                    return
                }
                next = try? await feed.next(after: after)
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    private static func event(_ link: RevocationFeed.Link) -> ByteBuffer {
        ByteBuffer(string: "id: \(link.batch.next)\ndata: \(link.jws)\n\n")
    }

    /// A comment for those who only look whether the line is alive, and a signed batch without entries for those who
    /// do not trust whoever stands between.
    private static func heartbeat(_ link: RevocationFeed.Link) -> ByteBuffer {
        ByteBuffer(string: ": heartbeat\nid: \(link.batch.next)\ndata: \(link.jws)\n\n")
    }
}
