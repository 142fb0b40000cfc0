import JOSE
import Logging
import Revocations
import Synchronization
import Testing

@testable import LegateGateway

@Suite("Following the feed", .serialized)
struct FollowingTests {
    let time = TestTime(isRunning: true)
    let server: FakeIssuer

    init() throws { server = try FakeIssuer(time) }

    /// Runs a gateway beside the server.
    private func following(
        maximum: Int = 1000, prepare: @Sendable () -> Void = {},
        _ body: @Sendable @escaping (Gateway) async throws -> Void
    ) async throws {
        let (server, time) = (server, time)
        try await server.serve {
            prepare()
            var configuration = GatewayConfiguration(
                issuer: server.issuer, resources: [Signer.resource],
                credentials: GatewayCredentials(clientID: "edge", secret: "s"))
            configuration.clock = time.clock
            configuration.maximumRevocations = maximum
            let gateway = try Gateway(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await gateway.run() }
                try await body(gateway)
                group.cancelAll()
            }
        }
    }

    private func accepts(_ gateway: Gateway, _ token: String) -> Bool { (try? gateway.verify(token)) != nil }

    private func soon(
        _ what: Comment, within: Duration = .seconds(60), _ condition: @Sendable () throws -> Bool
    ) async throws {
        let end = ContinuousClock.now + within
        while try !condition() {
            guard ContinuousClock.now < end else {
                Issue.record(what)
                return
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private func isRefused(_ gateway: Gateway, _ token: String, _ reason: RefusedToken) -> Bool {
        do throws(RefusedToken) {
            _ = try gateway.verify(token)
            return false
        } catch {
            return error == reason
        }
    }

    @Test("a snapshot of many pages is read, and then what comes")
    func snapshotAndStream() async throws {
        let server = server
        try await following(prepare: {
            for number in 1...25 { server.revoke((.token, "old\(number)")) }
            server.change { $0.pageSize = 4 }
        }) { gateway in
            try await soon("live") { gateway.isLive }
            #expect(gateway.revocations == 25)
            // On a slow machine a page may be asked for twice, and a line may fall silent.
            #expect(server.pages == [0, 4, 8, 12, 16, 20, 24])
            #expect(isRefused(gateway, try server.old("old1"), .revoked))
            let token = try server.token()
            try await soon("accepted") { accepts(gateway, token) }
            server.revoke((.client, "planner"), (.token, "other"))
            try await soon("revoked") { isRefused(gateway, token, .revoked) }
            #expect(gateway.revocations == 27)
            #expect(server.state.withLock { $0.authorizations } == ["Basic ZWRnZTpz"])
            #expect(server.state.withLock { $0.streams } >= 1)
        }
    }

    static let mischiefs: [(String, FakeIssuer.Mischief)] = [
        ("altered", { jws, batch in batch.entries.isEmpty ? [jws] : [altered(jws)] }),
        ("left out", { jws, batch in batch.entries.isEmpty ? [jws] : [] }),
        ("repeated", { jws, batch in batch.entries.isEmpty ? [jws] : [jws, jws] }),
        ("garbage", { jws, batch in batch.entries.isEmpty ? [jws] : ["garbage", jws] }),
        ("of another server", { jws, batch in batch.entries.isEmpty ? [jws] : [forged(batch), jws] }),
    ]

    /// The same with another entry.
    static func altered(_ jws: String) -> String {
        let parts = jws.split(separator: ".")
        let payload = String(decoding: Base64URL.decode(String(parts[1])) ?? [], as: UTF8.self)
        return "\(parts[0]).\(Base64URL.encode(Array(payload.replacing("planner", with: "harmless").utf8))).\(parts[2])"
    }

    /// The same without entries, by somebody else.
    static func forged(_ batch: RevocationBatch) -> String {
        let empty = RevocationBatch(
            issuer: batch.issuer, issuedAt: batch.issuedAt, after: batch.after, next: batch.next)
        return (try? Signer().jws(empty)) ?? ""
    }

    @Test(
        "a batch that is altered, left out, repeated or forged costs the connection, never a revocation",
        arguments: 0..<5)
    func mischief(number: Int) async throws {
        let server = server
        let (name, mischief) = Self.mischiefs[number]
        try await following { gateway in
            try await soon("live") { gateway.isLive }
            let (first, second) = (
                try server.token(),
                try server.token {
                    $0["client_id"] = "other"; $0["act"] = nil; $0["agent_id"] = "other"
                }
            )
            server.change { $0.mischief = mischief }
            server.revoke((.client, "planner"))
            try await soon("\(name): revoked all the same") { isRefused(gateway, first, .revoked) }
            try await soon("\(name): a second snapshot was read") { server.snapshots >= 2 }
            server.change { $0.mischief = nil }
            try await soon("\(name): live again") { gateway.isLive }
            #expect(accepts(gateway, second))
            server.revoke((.client, "other"))
            try await soon("\(name): follows again") { isRefused(gateway, second, .revoked) }
        }
    }

    @Test("batches in another order are noticed")
    func reordered() async throws {
        let server = server
        let held = Mutex<String?>(nil)
        try await following { gateway in
            try await soon("live") { gateway.isLive }
            let token = try server.token()
            server.change {
                $0.mischief = { jws, batch in
                    guard !batch.entries.isEmpty else { return [jws] }
                    return held.withLock { held in
                        if let first = held { return [jws, first] }
                        held = jws
                        return []
                    }
                }
                $0.isMute = true
            }
            server.revoke((.token, "x"))
            server.revoke((.client, "planner"))
            server.change { $0.isMute = false }
            try await soon("a second snapshot was read") { server.snapshots >= 2 }
            try await soon("revoked") { isRefused(gateway, token, .revoked) }
        }
    }

    @Test("a heartbeat of another kind, issuer or time does not keep the gateway open", arguments: 0..<4)
    func badHeartbeats(number: Int) async throws {
        let (server, time) = (server, time)
        try await following { gateway in
            try await soon("live") { gateway.isLive }
            let signer = server.signer
            server.change {
                $0.mischief = { _, batch in
                    func beat(issuer: String = batch.issuer, at now: Int64 = batch.issuedAt, shift: Int64 = 0)
                        -> RevocationBatch
                    {
                        RevocationBatch(
                            issuer: issuer, issuedAt: now, after: batch.after + shift, next: batch.next + shift)
                    }
                    let event =
                        switch number {
                        case 0: try? signer.jws(beat(), type: "at+jwt")
                        case 1: try? signer.jws(beat(issuer: "https://other.example.com"))
                        case 2: try? signer.jws(beat(at: batch.issuedAt + 3600))
                        default: try? signer.jws(beat(shift: 1))
                        }
                    return [event ?? ""]
                }
            }
            try await soon("noticed") { server.snapshots >= 2 }
            time.passUnseen(.seconds(11))
            let token = try server.token()
            for _ in 0..<20 {
                #expect(isRefused(gateway, token, .unavailable))
                try await Task.sleep(for: .milliseconds(20))
            }
            server.change { $0.mischief = nil }
            try await soon("live again", within: .seconds(20)) { accepts(gateway, token) }
        }
    }

    @Test("when heartbeats stop everything is refused, and when they go on it is not")
    func stalled() async throws {
        let (server, time) = (server, time)
        try await following { gateway in
            try await soon("live") { gateway.isLive }
            let token = try server.token()
            #expect(accepts(gateway, token))
            server.change { $0.isMute = true }
            try await Task.sleep(for: .milliseconds(100))
            time.passUnseen(.seconds(11))
            #expect(isRefused(gateway, token, .unavailable))
            #expect(!gateway.isLive)
            server.change { $0.isMute = false }
            try await soon("open again") { accepts(gateway, token) }
        }
    }

    @Test("a line that has gone silent is given up, and another one is opened")
    func deadLine() async throws {
        let server = server
        try await following { gateway in
            try await soon("live") { gateway.isLive }
            server.change { $0.isMute = true }
            try await soon("another attempt", within: .seconds(12)) {
                server.state.withLock { $0.streams + $0.polls } > 1
            }
            server.change { $0.isMute = false }
            let token = try server.token()
            server.revoke((.client, "planner"))
            try await soon("revoked") { isRefused(gateway, token, .revoked) }
        }
    }

    @Test("heartbeats that are replayed do not keep the gateway open")
    func replayed() async throws {
        let (server, time) = (server, time)
        let old = Mutex<String?>(nil)
        try await following { gateway in
            try await soon("live") { gateway.isLive }
            server.change {
                $0.mischief = { jws, _ in
                    old.withLock { old in
                        old = old ?? jws
                        return [old ?? jws]
                    }
                }
            }
            try await soon("one is kept") { old.withLock { $0 != nil } }
            time.pass(.seconds(12))
            try await Task.sleep(for: .milliseconds(200))
            #expect(isRefused(gateway, try server.token(), .unavailable))
        }
    }

    @Test("a server that starts again is followed, though its chain is a new one, and what was known stays")
    func restarted() async throws {
        let server = server
        try await following { gateway in
            try await soon("live") { gateway.isLive }
            let (first, second) = (
                try server.token(),
                try server.token {
                    $0["client_id"] = "other"; $0["act"] = nil
                }
            )
            server.revoke((.client, "planner"))
            try await soon("revoked") { isRefused(gateway, first, .revoked) }
            server.change {
                $0.isReachable = false
                $0.previous = nil
                $0.links = []
                $0.windowStart = $0.head
            }
            try await Task.sleep(for: .milliseconds(200))
            #expect(isRefused(gateway, first, .revoked))
            #expect(accepts(gateway, second))
            server.change { $0.isReachable = true }
            server.revoke((.client, "other"))
            try await soon("follows") { isRefused(gateway, second, .revoked) }
            #expect(isRefused(gateway, first, .revoked))
        }
    }

    @Test("one that is too far behind reads the snapshot")
    func tooFarBehind() async throws {
        let server = server
        try await following { gateway in
            try await soon("live") { gateway.isLive }
            let token = try server.token()
            server.change { $0.isReachable = false }
            try await Task.sleep(for: .milliseconds(50))
            server.revoke((.token, "a"))
            server.revoke((.client, "planner"))
            server.change {
                $0.windowStart = $0.head
                $0.isReachable = true
            }
            try await soon("revoked") { isRefused(gateway, token, .revoked) }
            #expect(server.snapshots == 2)
        }
    }

    @Test("a snapshot that is cut short is completed by what follows")
    func lyingHead() async throws {
        let server = server
        try await following(prepare: {
            for number in 1...6 { server.revoke((.token, "old\(number)")) }
            server.change {
                $0.pageSize = 2
                $0.lyingHead = 2
            }
        }) { gateway in
            try await soon("live") { gateway.revocations == 6 && gateway.isLive }
            #expect(isRefused(gateway, try server.old("old6"), .revoked))
        }
    }

    @Test("where events do not come through, batches are asked for one by one")
    func polling() async throws {
        let server = server
        server.change { $0.sendsEvents = false }
        try await following { gateway in
            try await soon("live") { gateway.isLive }
            let token = try server.token()
            server.revoke((.client, "planner"))
            try await soon("revoked") { isRefused(gateway, token, .revoked) }
            #expect(server.state.withLock { $0.polls } > 0)
        }
    }

    @Test("a new key that signs at once refuses no honest token, and a revoked one verifies nothing more")
    func newKey() async throws {
        let server = server
        try await following { gateway in
            try await soon("live") { gateway.isLive }
            let old = try server.token()
            #expect(accepts(gateway, old))
            let keyID = server.signer.key.keyID
            let next = try Signer()
            server.change {
                $0.signer = next
                $0.published = next.set.keys
            }
            server.revoke((.key, keyID))
            try await soon("the old one is dead") { !accepts(gateway, old) }
            _ = try await gateway.verifyFetchingKeys(try server.token())
            server.change { $0.published += [] }
            #expect(server.state.withLock { $0.keyFetches } <= 4)
        }
    }

    @Test("a rotation with both keys published is not noticed by anyone")
    func rotation() async throws {
        let (server, time) = (server, time)
        try await following { gateway in
            try await soon("live") { gateway.isLive }
            let old = try server.token()
            let next = try Signer()
            server.change { $0.published += next.set.keys }
            time.passUnseen(.seconds(301))
            // The set is read again by itself when its time is over; here a token with the new key asks for it.
            let fetches = server.state.withLock { $0.keyFetches }
            let token = try next.token(at: time.seconds, issuer: server.issuer)
            try await soon("open") { gateway.isLive }
            _ = try await gateway.verifyFetchingKeys(token)
            #expect(accepts(gateway, old))
            #expect(server.state.withLock { $0.keyFetches } == fetches + 1)
        }
    }

    @Test("more tombstones than may be held close the gateway")
    func tooMany() async throws {
        let server = server
        try await following(
            maximum: 3,
            prepare: {
                for number in 1...4 { server.revoke((.token, "old\(number)")) }
            }
        ) { gateway in
            try await Task.sleep(for: .milliseconds(300))
            #expect(!gateway.isLive)
            #expect(gateway.revocations <= 3)
        }
    }
}
