import JOSE
import OAuth
import Revocations
import Support
import Testing

/// The hope: what was revoked or spent works again when the clock is set back to a time before it expired.
@Suite("Attack: the clock is set back after all is forgotten (HOST-82)")
struct ClockSetBackTests {
    /// As `legate serve` keeps what has expired.
    private func kit() async throws -> LegateKit {
        try await LegateKit.start(clock: TestClock(afterlife: 3900))
    }

    @Test("a token that was revoked an hour ago stays dead, also over a restart", arguments: [false, true])
    func revoked(restarts: Bool) async throws {
        var kit = try await kit()
        let token = try await kit.token(kit.planner)
        try await kit.revoke(token.accessToken, by: kit.planner)
        kit.clock.advance(seconds: 3600)
        try await kit.server.prune()
        if restarts { kit = try await kit.restarted() }
        kit.clock.jump(seconds: -3600)
        #expect(try await !kit.isActive(token.accessToken))
    }

    @Test("an assertion that was used an hour ago stays spent")
    func spent() async throws {
        let kit = try await kit()
        let http = try kit.http()
        var form = Form([("grant_type", "client_credentials")])
        form.add(
            try ClientAssertion(of: kit.signer.id, for: kit.issuer, key: try TestKeys.key(.es256), at: kit.clock.time)
                .parameters()
        )
        #expect(try await http.post("/token", form).status == 200)
        kit.clock.advance(seconds: 3600)
        try await kit.server.prune()
        kit.clock.jump(seconds: -3600)
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
        kit.clock.advance(seconds: 900 + 3900)
        try await kit.server.prune()
        #expect(kit.server.revocations.count == 1)
        kit.clock.advance(seconds: 1)
        try await kit.server.prune()
        #expect(kit.server.revocations.count == 0)
    }
}
