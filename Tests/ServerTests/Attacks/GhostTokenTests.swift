import JOSE
import OAuth
import Revocations
import Support
import Testing

/// The hope: a token that was ended comes back when its client is enabled again, made anew, or the server restarts.
@Suite("Attack: ghost tokens")
struct GhostTokenTests {
    private func isActive(_ http: HTTPTester, _ kit: LegateKit, _ token: String) async throws -> Bool {
        try await http.post("/introspect", Form([("token", token)]), as: kit.gateway).json["active"] == true
    }

    @Test("enabling, making anew, trusting again and restarting bring nothing back")
    func ghosts() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(to: kit.planner)
        let own = try await kit.token(kit.planner).accessToken
        let users = try await kit.act(by: kit.planner).accessToken
        let http = try kit.http()
        #expect(try await isActive(http, kit, own))
        #expect(try await isActive(http, kit, users))

        try await kit.update(.client, "planner", ["enabled": false])
        kit.clock.nextSecond()
        try await kit.update(.client, "planner", ["enabled": true])
        #expect(try await !isActive(http, kit, own))
        #expect(try await !isActive(http, kit, users))

        try await kit.delete(.client, "planner")
        kit.clock.nextSecond()
        _ = try await kit.createAgent("planner", scopes: ["calendar.read"], resources: [World.calendar])
        #expect(try await !isActive(http, kit, own))

        try await kit.delete(.issuer, "corp")
        kit.clock.nextSecond()
        try await kit.create(
            .issuer, ["name": "corp", "issuer": .string(kit.corp.url.text), "jwks": .object(try kit.corp.jwks())])
        #expect(try await !isActive(http, kit, users))

        let again = try await kit.restarted()
        #expect(try await !isActive(try again.http(), again, own))
        #expect(try await !isActive(try again.http(), again, users))
    }

    @Test("pruning tombstones brings nothing back before the token's own end")
    func prune() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        try await kit.update(.resource, "calendar", ["token_ttl": 900])
        let token = try await kit.token(kit.planner).accessToken
        try await kit.end(.client, "planner")
        for _ in 0..<10 {
            #expect(try await !isActive(http, kit, token))
            kit.clock.advance(seconds: 99)
            try await kit.server.prune()
        }
        #expect(try await !isActive(http, kit, token))
    }
}
