import JOSE
import OAuth
import Revocations
import Support
import Testing

/// The hope: set the server's clock, or wait until somebody does, and what was spent or ended works again.
@Suite("Attack: clock jumps (HOST-82)")
struct ClockJumpTests {
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

    @Test("an assertion stays spent when the clock goes an hour ahead, is cleaned up after, and goes back")
    func assertion() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        var form = Form([("grant_type", "client_credentials")])
        form.add(
            try ClientAssertion(of: kit.signer.id, for: kit.issuer, key: try TestKeys.key(.es256), at: kit.clock.time)
                .parameters()
        )
        #expect(try await http.post("/token", form).status == 200)
        kit.clock.jump(seconds: 3600)
        try await kit.server.prune()
        kit.clock.jump(seconds: -3600)
        #expect(try await http.post("/token", form).status == 401)
    }

    @Test("a revoked token stays dead through the same")
    func revoked() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner)
        try await kit.end(.client, "planner")
        #expect(try await !kit.isActive(token.accessToken))
        kit.clock.jump(seconds: 3600)
        try await kit.server.prune()
        kit.clock.jump(seconds: -3600)
        #expect(try await !kit.isActive(token.accessToken))
        let again = try await kit.restarted()
        #expect(try await !again.isActive(token.accessToken))
    }
}
