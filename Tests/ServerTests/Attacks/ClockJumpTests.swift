import JOSE
import OAuth
import Revocations
import Support
import Testing

/// The hope: set the server's clock, or wait until somebody does, and what was revoked, spent or ended works again.
@Suite("Attack: clock jumps (HOST-82)")
struct ClockJumpTests {
    /// How the clock comes to be an hour ahead of where it is set back to.
    enum Hour: CaseIterable {
        /// The hour passes, and the server keeps what has expired for longer than that.
        case passes
        /// The clock is set ahead: no time has passed, and nothing has to be kept for it.
        case isSkipped

        func kit() async throws -> LegateKit {
            try await LegateKit.start(clock: TestClock(afterlife: self == .passes ? ClockJumpTests.afterlife : 0))
        }

        /// Ends it, cleans up, and sets the clock back.
        func undo(in kit: LegateKit) async throws {
            if self == .passes { kit.clock.advance(seconds: 3600) } else { kit.clock.jump(seconds: 3600) }
            try await kit.server.prune()
            kit.clock.jump(seconds: -3600)
        }
    }

    /// Seconds for which `legate serve` keeps what has expired.
    private static let afterlife = 3900

    private func kit() async throws -> LegateKit {
        try await LegateKit.start(clock: TestClock(afterlife: Self.afterlife))
    }

    @Test("no token ends before it began, whichever way the clock was set")
    func lifetimes() async throws {
        let kit = try await LegateKit.start()
        for step in [3600, -3600, -3600, 3600] {
            kit.clock.jump(seconds: step)
            let token = try await kit.token(kit.planner).token
            #expect(token.expiresAt > token.identity.issuedAt)
            #expect(token.identity.issuedAt == kit.clock.time.seconds)
        }
    }

    @Test("a revoked token stays dead, also over a restart", arguments: Hour.allCases, [false, true])
    func revoked(hour: Hour, restarts: Bool) async throws {
        let kit = try await hour.kit()
        let token = try await kit.token(kit.planner)
        try await kit.revoke(token.accessToken, by: kit.planner)
        try await hour.undo(in: kit)
        let after = restarts ? try await kit.restarted() : kit
        #expect(try await !after.isActive(token.accessToken))
    }

    @Test("a token of a client that was ended stays dead through the same", arguments: Hour.allCases)
    func ended(hour: Hour) async throws {
        let kit = try await hour.kit()
        let token = try await kit.token(kit.planner)
        try await kit.end(.client, "planner")
        #expect(try await !kit.isActive(token.accessToken))
        try await hour.undo(in: kit)
        #expect(try await !kit.isActive(token.accessToken))
    }

    @Test("an assertion stays spent through the same", arguments: Hour.allCases)
    func spent(hour: Hour) async throws {
        let kit = try await hour.kit()
        let http = try kit.http()
        var form = Form([("grant_type", "client_credentials")])
        form.add(
            try ClientAssertion(of: kit.signer.id, for: kit.issuer, key: try TestKeys.key(.es256), at: kit.clock.time)
                .parameters()
        )
        #expect(try await http.post("/token", form).status == 200)
        try await hour.undo(in: kit)
        #expect(try await http.post("/token", form).status == 401)
    }

    @Test("what was revoked while the clock was an hour ahead, and seemed expired, is dead when it comes back")
    func ahead() async throws {
        let kit = try await kit()
        let token = try await kit.token(kit.planner)
        kit.clock.jump(seconds: 3600)
        try await kit.revoke(token.accessToken, by: kit.planner)
        kit.clock.jump(seconds: -3600)
        #expect(try await !kit.isActive(token.accessToken))
    }

    @Test(
        "what is revoked while the clock is behind reaches the tokens from before it was set back, by seconds or an hour",
        arguments: [2, 3600])
    func behind(seconds: Int) async throws {
        let kit = try await kit()
        let (token, other) = (try await kit.token(kit.planner), try await kit.token(kit.planner))
        let ofWorker = try await kit.token(kit.worker)
        kit.clock.jump(seconds: -seconds)
        try await kit.revoke(token.accessToken, by: kit.planner)
        try await kit.end(.client, "planner")
        let refusal = await #expect(throws: OAuthError.self) { try await kit.token(kit.planner) }
        #expect(refusal?.code == .temporarilyUnavailable)
        if seconds > 60 { #expect(refusal?.description.contains("it was set back") == true) }
        for step in [0, seconds] {
            kit.clock.jump(seconds: step)
            #expect(try await !kit.isActive(token.accessToken))
            #expect(try await !kit.isActive(other.accessToken))
        }
        #expect(try await kit.isActive(ofWorker.accessToken))
        kit.clock.advance(seconds: 1)
        #expect(try await kit.isActive(kit.token(kit.planner).accessToken))
    }

    @Test(
        "what is revoked while the clock is behind stays dead when it is right again, restarts before and after included"
    )
    func behindAndRestarted() async throws {
        let kit = try await kit()
        let (token, other) = (try await kit.token(kit.planner), try await kit.token(kit.planner))
        let behind = try await kit.restarted()
        behind.clock.jump(seconds: -3600)
        // Somebody else's token, of an earlier second than the others.
        _ = try await behind.token(behind.worker)
        try await behind.revoke(token.accessToken, by: behind.planner)
        try await behind.end(.client, "planner")
        let again = try await behind.restarted()
        again.clock.jump(seconds: 3600)
        #expect(try await !again.isActive(token.accessToken))
        #expect(try await !again.isActive(other.accessToken))
        again.clock.advance(seconds: 1)
        #expect(try await again.isActive(again.token(again.planner).accessToken))
    }

    @Test("a clock that once was years ahead does not bind: a revocation reaches what was issued since")
    func yearsAhead() async throws {
        let kit = try await kit()
        kit.clock.jump(seconds: 1_000_000_000)
        _ = try await kit.token(kit.worker)
        kit.clock.jump(seconds: -1_000_000_000)
        let token = try await kit.token(kit.planner)
        kit.clock.jump(seconds: -10)
        try await kit.end(.client, "planner")
        kit.clock.jump(seconds: 10)
        #expect(try await !kit.isActive(token.accessToken))
        kit.clock.advance(seconds: 1)
        #expect(try await kit.isActive(kit.token(kit.planner).accessToken))
    }

    @Test("a token that was made while the clock was ahead is worth nothing when it comes back; a minute is forgiven")
    func future() async throws {
        let kit = try await kit()
        kit.clock.jump(seconds: 3600)
        let token = try await kit.token(kit.planner)
        kit.clock.jump(seconds: -60)
        #expect(try await kit.isActive(token.accessToken))
        kit.clock.jump(seconds: -1)
        #expect(try await !kit.isActive(token.accessToken))
        kit.clock.jump(seconds: -3539)
        #expect(try await !kit.isActive(token.accessToken))
    }

    @Test("memory forgets when the hour is over")
    func forgets() async throws {
        let kit = try await kit()
        let token = try await kit.token(kit.planner)
        try await kit.revoke(token.accessToken, by: kit.planner)
        kit.clock.advance(seconds: 900 + Self.afterlife)
        try await kit.server.prune()
        #expect(kit.server.revocations.count == 1)
        kit.clock.advance(seconds: 1)
        try await kit.server.prune()
        #expect(kit.server.revocations.count == 0)
    }
}
