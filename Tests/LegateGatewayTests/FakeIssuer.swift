import Crypto
import Hummingbird
import JOSE
import NIOCore
import Revocations
import Synchronization

@testable import LegateGateway

/// A server that serves keys and feed as a Legate does, with somebody in between who may do as he likes.
final class FakeIssuer: Sendable {
    /// What somebody in between does to an event: anything may go out in its place.
    typealias Mischief = @Sendable (_ event: String, _ batch: RevocationBatch) -> [String]

    struct State {
        var signer: Signer
        var published: [JWK]
        var entries: [Revocation] = []
        var links: [(batch: RevocationBatch, jws: String)] = []
        var previous: String?
        var pageSize = 100
        var isMute = false
        var sendsEvents = true
        var isReachable = true
        var mischief: Mischief?
        var lyingHead: Int64?
        var streams = 0
        var polls = 0
        /// Pages of the snapshot that were sent, by the number that they begin after.
        var pages: Set<Int64> = []
        /// How often one was asked for.
        var snapshots = 0
        var keyFetches = 0
        var authorizations: Set<String> = []
        /// Links from before this number are gone.
        var windowStart: Int64 = 0

        var head: Int64 { entries.last?.sequence ?? 0 }
    }

    let state: Mutex<State>
    private let port = Mutex(0)
    private let time: TestTime

    init(_ time: TestTime) throws {
        let signer = try Signer()
        state = Mutex(State(signer: signer, published: signer.set.keys))
        self.time = time
    }

    var issuer: String { "http://127.0.0.1:\(port.withLock { $0 })" }
    var signer: Signer { state.withLock { $0.signer } }
    var snapshots: Int { state.withLock { $0.snapshots } }
    var pages: Set<Int64> { state.withLock { $0.pages } }

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    /// Revokes in one batch.
    func revoke(_ ids: (Revocation.Kind, String)...) {
        let (now, issuer) = (time.seconds, issuer)
        state.withLock { state in
            let after = state.head
            let entries = ids.enumerated().map { offset, id in
                Revocation(
                    sequence: after + Int64(offset) + 1, kind: id.0, id: id.1, issuedBefore: now, expires: now + 901)
            }
            state.entries += entries
            let batch = RevocationBatch(
                issuer: issuer, issuedAt: now, after: after, next: state.head, previous: state.previous,
                entries: entries)
            guard let jws = try? state.signer.jws(batch) else { return }
            state.previous = Base64URL.encode(Array(SHA256.hash(data: Array(jws.utf8))))
            state.links.append((batch, jws))
        }
    }

    func token(_ change: (inout JSONObject) -> Void = { _ in }) throws -> String {
        try signer.token(at: time.seconds, issuer: issuer, change)
    }

    /// A token from before whatever was revoked, however slow this machine is.
    func old(_ jti: String) throws -> String {
        try token {
            $0["jti"] = .string(jti)
            $0["iat"] = .integer(time.seconds - 60)
        }
    }

    /// Serves while `body` runs.
    func serve(_ body: @Sendable () async throws -> Void) async throws {
        let (listening, listens) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router(), configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { listens.yield($0.localAddress?.port ?? 0) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            for await port in listening {
                self.port.withLock { $0 = port }
                break
            }
            try await body()
            group.cancelAll()
        }
    }

    private func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.get(".well-known/jwks.json") { _, _ in
            let (json, isReachable) = self.state.withLock { state in
                state.keyFetches += 1
                return (JWKSet(keys: state.published).json, state.isReachable)
            }
            guard isReachable else { throw HTTPError(.serviceUnavailable) }
            return Self.json(json, ["Cache-Control": "max-age=300"])
        }
        router.get("revocations") { request, _ in
            if let field = request.headers[.authorization] {
                self.state.withLock { _ = $0.authorizations.insert(field) }
            }
            guard self.state.withLock({ $0.isReachable }) else { throw HTTPError(.serviceUnavailable) }
            let query = request.uri.queryParameters
            let after = query["after"].flatMap { Int64($0) } ?? 0
            if query["snapshot"] != nil { return try self.page(after: after) }
            let (isTooFar, sendsEvents) = self.state.withLock {
                (after > $0.head || after < $0.windowStart, $0.sendsEvents)
            }
            if isTooFar { throw HTTPError(.gone) }
            guard sendsEvents, request.headers[.accept] == "text/event-stream" else {
                return try await self.poll(after: after)
            }
            self.state.withLock { $0.streams += 1 }
            return Response(
                status: .ok, headers: [.contentType: "text/event-stream"],
                body: ResponseBody { writer in
                    var position = after
                    while !Task.isCancelled, self.state.withLock({ $0.isReachable }) {
                        if let (batch, jws) = try self.next(after: position) {
                            position = batch.next
                            for event in self.state.withLock({ $0.mischief })?(jws, batch) ?? [jws] {
                                try await writer.write(ByteBuffer(string: ": x\nid: \(batch.next)\ndata: \(event)\n\n"))
                            }
                        }
                        try await Task.sleep(for: .milliseconds(20))
                    }
                    try await writer.finish(nil)
                })
        }
        return router
    }

    /// The next link, or a heartbeat.
    private func next(after sequence: Int64) throws -> (RevocationBatch, String)? {
        let (now, issuer) = (time.seconds, issuer)
        return try state.withLock { state in
            if state.isMute { return nil }
            if let link = state.links.first(where: { $0.batch.next > sequence }) { return link }
            let batch = RevocationBatch(issuer: issuer, issuedAt: now, after: sequence, next: sequence)
            return (batch, try state.signer.jws(batch))
        }
    }

    private func poll(after sequence: Int64) async throws -> Response {
        state.withLock { $0.polls += 1 }
        try await Task.sleep(for: .milliseconds(20))
        guard let (batch, jws) = try next(after: sequence) else { throw HTTPError(.serviceUnavailable) }
        return Self.json(["after": .integer(batch.after), "next": .integer(batch.next), "jws": .string(jws)])
    }

    private func page(after sequence: Int64) throws -> Response {
        let (now, issuer) = (time.seconds, issuer)
        return try state.withLock { state in
            state.snapshots += 1
            state.pages.insert(sequence)
            let entries = Array(state.entries.filter { $0.sequence > sequence }.prefix(state.pageSize))
            let next = entries.last?.sequence ?? state.head
            let batch = RevocationBatch(issuer: issuer, issuedAt: now, after: sequence, next: next, entries: entries)
            return Self.json([
                "after": .integer(sequence), "next": .integer(next), "head": .integer(state.lyingHead ?? state.head),
                "jws": .string(try state.signer.jws(batch)),
            ])
        }
    }

    private static func json(_ object: JSONObject, _ headers: [String: String] = [:]) -> Response {
        var response = Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: object.serialized)))
        if let cache = headers["Cache-Control"] { response.headers[.cacheControl] = cache }
        return response
    }
}
