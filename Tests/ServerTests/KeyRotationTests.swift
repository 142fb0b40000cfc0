import HTTPTypes
import JOSE
import OAuth
import Support
import Testing
import Vault

@Suite("Key rotation on the wire")
struct KeyRotationTests {
    /// A gateway that keeps the key set exactly as long as it may (RFC 9111 section 5.2.2.1).
    private struct KeySetCache {
        private var known: (set: JWKSet, until: Int64)?

        mutating func keys(_ http: HTTPTester, at now: Timestamp) async throws -> JWKSet {
            if let known, now.seconds < known.until { return known.set }
            let answer = try await http.get("/.well-known/jwks.json")
            let control = try #require(answer.headers[.cacheControl])
            let age = try #require(control.split(separator: "=").last.flatMap { Int64($0) })
            let set = try JWKSet(json: .object(answer.json))
            known = (set, now.seconds + age)
            return set
        }
    }

    @Test("a key set that is as old as it may be verifies every token through a whole rotation (JWKS-06, CONC-08)")
    func cachedSet() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let start = kit.clock.time.seconds
        var cache = KeySetCache()
        var firstSeen: [String: Int64] = [:]
        var firstUsed: [String: Int64] = [:]
        kit.clock.advance(seconds: 86_400 - SigningKeys.publishedBeforeUse - 60)
        while kit.clock.time.seconds - start < 86_400 + 400 {
            await kit.server.keyKeeper.tend()
            let now = kit.clock.time.seconds
            for key in try JWKSet(json: .object(try await http.get("/.well-known/jwks.json").json)).keys {
                if let keyID = key.keyID, firstSeen[keyID] == nil { firstSeen[keyID] = now }
            }
            let form = Form([("grant_type", "client_credentials"), ("resource", World.calendar.text)])
            let answer = try await http.post("/token", form, as: kit.planner)
            let token = try UnverifiedJWT(try #require(answer.json["access_token"]?.string))
            _ = try token.verified(
                with: try await cache.keys(http, at: kit.clock.time), algorithms: [.es256], types: .exactly("at+jwt")
            )
            if let keyID = token.header.keyID, firstUsed[keyID] == nil { firstUsed[keyID] = now }
            kit.clock.advance(seconds: 13)
        }
        #expect(firstUsed.count == 2)
        for (keyID, time) in firstUsed where time > start + 86_000 {
            if let seen = firstSeen[keyID], seen > start + 86_000 {
                #expect(time - seen >= Int64(max(SigningKeys.cacheLifetime, 240)))
            }
        }
        let late = firstUsed.values.max() ?? 0
        #expect(late >= start + 86_400, "the second key signed too early")
    }

    @Test("an operator brings a key by HTTP, and finds it under its name")
    func bringIn() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken()
        let body: JSONObject = [
            "file": .string(KeyFileSamples.ec), "passphrase": .string(KeyFileSamples.passphrase),
        ]
        let answer = try await http.admin(.post, "/admin/keys/import", token: token, body)
        #expect(answer.status == 201)
        let keyID = try #require(answer.json["kid"]?.string)
        #expect(try await http.admin(.get, "/admin/keys/\(keyID)", token: token).json == answer.json)
        let set = try JWKSet(json: .object(try await http.get("/.well-known/jwks.json").json))
        #expect(set.keys.contains { $0.keyID == keyID })
        #expect(try await http.admin(.get, "/admin/keys/nobody's", token: token).status == 404)

        let refused = try await http.admin(
            .post, "/admin/keys/import", token: token, body.merging(patch: ["passphrase": "hunter22"]))
        #expect(refused.status == 400)
        #expect(refused.json["errors"]?.array?.first?.object?["field"] == "passphrase")
        #expect(!refused.answer.text.contains("hunter22"))
        let reader = try await kit.adminToken(scope: "keys:read")
        #expect(try await http.admin(.post, "/admin/keys/import", token: reader, body).status == 403)
        #expect(try await http.admin(.post, "/admin/keys/import", token: nil, body).status == 401)
        let trail = try await kit.records().map(\.json.text).joined()
        #expect(!trail.contains(KeyFileSamples.ec) && !trail.contains("hunter22"))
    }
}
