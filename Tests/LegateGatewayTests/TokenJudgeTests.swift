import JOSE
import Revocations
import Testing

@testable import LegateGateway

@Suite("What a gateway accepts")
struct TokenJudgeTests {
    let time = TestTime()
    let signer: Signer
    let judge: TokenJudge

    init() throws {
        signer = try Signer()
        judge = try TokenJudgeTests.judge(time, failClosedAfter: .seconds(10))
        judge.keys.take(signer.set, maximumAge: nil)
        judge.freshness.prove(time.seconds)
    }

    static func judge(_ time: TestTime, failClosedAfter: Duration) throws -> TokenJudge {
        var configuration = GatewayConfiguration(
            issuer: Signer.issuer, resources: [Signer.resource, "https://other.example.com"],
            credentials: GatewayCredentials(clientID: "edge", secret: "s"), failClosedAfter: failClosedAfter)
        configuration.clock = time.clock
        return TokenJudge(try GatewaySettings(configuration))
    }

    private func refusal(_ token: String) -> RefusedToken? {
        do throws(RefusedToken) {
            _ = try judge.verify(token)
            return nil
        } catch {
            return error
        }
    }

    private func refusal(_ change: (inout JSONObject) -> Void) throws -> RefusedToken? {
        refusal(try signer.token(at: time.seconds, change))
    }

    @Test("a good token is read, with every claim in its place")
    func good() throws {
        let token = try judge.verify(try signer.token(at: time.seconds))
        #expect(token.subject == "acme|alice")
        #expect(token.clientID == "planner")
        #expect(token.agentID == "planner/seven")
        #expect(token.delegationID == "d1")
        #expect(token.task == "planner/invoice")
        #expect(token.session == "planner/monday")
        #expect(token.audience == Signer.resource)
        #expect(token.scopes == ["orders:read", "orders:write"])
        #expect(token.actors.map(\.clientID) == ["planner", "scout"])
        #expect(token.actors.map(\.agentID) == ["planner/seven", nil])
        #expect(token.id == "t1")
        #expect(token.issuedAt == time.seconds)
        #expect(token.expiresAt == time.seconds + 300)
        #expect(token.claim("iss") == .string(Signer.issuer))
        #expect(
            token.claim("act")
                == .object([
                    "sub": .string("planner"), "agent_id": .string("planner/seven"),
                    "act": .object(["sub": .string("scout")]),
                ]))
        #expect(token.claim("none") == nil)
        try token.require(scope: "orders:read")
        #expect(throws: RefusedToken.insufficientScope("orders")) { try token.require(scope: "orders") }
    }

    @Test("only the type of access tokens is accepted", arguments: ["JWT", "revocations+jwt", "id+jwt", "at+jws"])
    func type(type: String) throws {
        let token = try signer.token(Signer.claims(at: time.seconds), type: type)
        #expect(refusal(token) == .invalid(JWTError.wrongType.description))
    }

    @Test("the algorithms of a Legate are accepted, and no others", arguments: SignatureAlgorithm.allCases)
    func algorithms(algorithm: SignatureAlgorithm) throws {
        let other = try Signer(algorithm)
        judge.keys.take(other.set, maximumAge: nil)
        let found = refusal(try other.token(at: time.seconds))
        #expect(found == (algorithm == .ps256 ? .invalid(JWTError.algorithmNotAllowed.description) : nil))
    }

    @Test("what is not a token, or not signed as it says, is refused")
    func signature() throws {
        let token = try signer.token(at: time.seconds)
        let parts = token.split(separator: ".")
        #expect(refusal("") != nil)
        #expect(refusal("a.b.c") != nil)
        #expect(refusal("\(parts[0]).\(parts[1]).") != nil)
        let other = try signer.token(at: time.seconds) { $0["sub"] = "acme|mallory" }.split(separator: ".")
        #expect(refusal("\(parts[0]).\(other[1]).\(parts[2])") == .invalid(JWTError.badSignature.description))
        #expect(refusal(String(repeating: "a", count: 20_000)) != nil)
    }

    @Test("a token of a key that is not published is refused")
    func unknownKey() throws {
        #expect(refusal(try Signer().token(at: time.seconds)) == .unknownKey)
    }

    @Test("issuer and audience must be exactly ours")
    func audience() throws {
        #expect(
            try refusal { $0["iss"] = "https://auth.example.com/" } == .invalid(JWTError.badClaim("iss").description))
        #expect(try refusal { $0["iss"] = nil } != nil)
        #expect(try refusal { $0["aud"] = "https://orders.example.com/" } == .wrongAudience)
        #expect(try refusal { $0["aud"] = nil } == .wrongAudience)
        #expect(try refusal { $0["aud"] = [.string(Signer.resource), "https://other.example.com"] } == .wrongAudience)
        #expect(try refusal { $0["aud"] = [.string(Signer.resource)] } == nil)
        #expect(try refusal { $0["aud"] = "https://other.example.com" } == nil)
    }

    @Test("a token ends at its exp without leeway, also when it was accepted before")
    func expiry() throws {
        let token = try signer.token(at: time.seconds) { $0["exp"] = .integer(time.seconds + 2) }
        #expect(refusal(token) == nil)
        time.pass(.seconds(1))
        #expect(refusal(token) == nil)
        time.pass(.seconds(1))
        #expect(refusal(token) == .expired)
    }

    @Test("a token begins at its nbf")
    func notBefore() throws {
        let token = try signer.token(at: time.seconds) { $0["nbf"] = .integer(time.seconds + 1) }
        #expect(refusal(token) == .notYetValid)
        time.pass(.seconds(1))
        #expect(refusal(token) == nil)
    }

    @Test(
        "claims without which a token could not be revoked are required",
        arguments: ["jti", "iat", "sub", "client_id", "exp"])
    func required(claim: String) throws {
        #expect(try refusal { $0[claim] = nil } == .invalid(JWTError.badClaim(claim).description))
        #expect(try refusal { $0[claim] = .array([]) } == .invalid(JWTError.badClaim(claim).description))
    }

    @Test("the chain of actors may be five deep, and must be well formed")
    func actors() throws {
        func chain(_ depth: Int) -> JSON {
            (1..<depth).reduce(["sub": "a0"]) { inner, level in ["sub": .string("a\(level)"), "act": inner] }
        }
        #expect(try refusal { $0["act"] = chain(5) } == nil)
        let bad = RefusedToken.invalid(JWTError.badClaim("act").description)
        #expect(try refusal { $0["act"] = chain(6) } == bad)
        #expect(try refusal { $0["act"] = "planner" } == bad)
        #expect(try refusal { $0["act"] = ["agent_id": "x"] } == bad)
        #expect(try refusal { $0["act"] = ["sub": "a", "agent_id": 1] } == bad)
        #expect(try refusal { $0["act"] = ["sub": "a", "act": .null] } == bad)
    }

    @Test("DP-36: a token that is bound to a key or certificate is refused from whoever only carries it")
    func bound() throws {
        let thumbprint = JSON.string(String(repeating: "A", count: 43))
        #expect(try refusal { $0["cnf"] = ["jkt": thumbprint] } == .bound)
        #expect(try refusal { $0["cnf"] = ["x5t#S256": thumbprint] } == .bound)
        #expect(try refusal { $0["cnf"] = ["x5t#S256": thumbprint, "jkt": thumbprint] } == .bound)
    }

    @Test("a token that is bound in a way that is not understood is refused")
    func boundOtherwise() throws {
        let thumbprint = JSON.string(String(repeating: "A", count: 43))
        let bad = RefusedToken.invalid(JWTError.badClaim("cnf").description)
        for claim: JSON in [
            .null, "x", [], [:], ["jwk": [:]], ["kid": "a"], ["jkt": "x"], ["jkt": .null], ["jkt": [thumbprint]],
            ["jkt": thumbprint, "x5t": thumbprint], ["jkt": .string(String(repeating: "A", count: 42) + "B")],
        ] {
            #expect(try refusal { $0["cnf"] = claim } == bad, "\(claim)")
        }
    }

    static let killers: [(Revocation.Kind, String)] = [
        (.token, "t1"), (.client, "planner"), (.agent, "planner/seven"), (.delegation, "d1"),
        (.task, "planner/invoice"),
        (.session, "planner/monday"), (.subject, "acme|alice"), (.issuer, "acme"), (.client, "scout"),
        (.agent, "scout"),
    ]

    @Test("whatever a token stands on ends it, up to the second of the revocation", arguments: killers)
    func revoked(kind: Revocation.Kind, id: String) throws {
        let now = time.seconds
        let token = try signer.token(at: now)
        #expect(refusal(token) == nil)
        judge.revocations.insert(Revocation(kind: kind, id: id, issuedBefore: now - 1, expires: now + 900))
        #expect(refusal(token) == nil)
        judge.revocations.insert(Revocation(kind: kind, id: id, issuedBefore: now, expires: now + 901))
        #expect(refusal(token) == .revoked)
        #expect(refusal(try signer.token(at: now + 1)) == nil)
    }

    @Test("a revoked key ends its tokens, also those that were verified before")
    func revokedKey() throws {
        let token = try signer.token(at: time.seconds)
        #expect(refusal(token) == nil)
        _ = judge.keys.revoke(signer.key.keyID)
        #expect(refusal(token) == .unknownKey)
        judge.keys.take(signer.set, maximumAge: nil)
        #expect(refusal(token) == .unknownKey)
    }

    @Test("a key that is no longer published verifies nothing, also what was verified before")
    func rotated() throws {
        let token = try signer.token(at: time.seconds)
        #expect(refusal(token) == nil)
        judge.keys.take(try Signer().set, maximumAge: nil)
        #expect(refusal(token) == .unknownKey)
    }

    @Test("nothing is accepted before the feed was read, or without keys")
    func notReady() throws {
        let fresh = try Self.judge(time, failClosedAfter: .seconds(10))
        let token = try signer.token(at: time.seconds)
        fresh.keys.take(signer.set, maximumAge: nil)
        #expect(throws: RefusedToken.unavailable) { try fresh.verify(token) }
        fresh.freshness.prove(time.seconds)
        _ = try fresh.verify(token)
        let keyless = try Self.judge(time, failClosedAfter: .seconds(10))
        keyless.freshness.prove(time.seconds)
        #expect(throws: RefusedToken.unavailable) { try keyless.verify(token) }
    }

    @Test("nothing is accepted when the feed is silent for too long, whatever becomes of the time of day")
    func stale() throws {
        let token = try signer.token(at: time.seconds)
        time.pass(.seconds(10))
        #expect(refusal(token) == nil)
        time.passUnseen(.milliseconds(1))
        #expect(refusal(token) == .unavailable)
        time.set(by: -60)
        #expect(refusal(token) == .unavailable)
        time.set(by: 60)
        judge.freshness.prove(time.seconds)
        #expect(refusal(token) == nil)
    }

    @Test("what was signed long ago proves nothing now, however late it arrives")
    func heldBack() throws {
        let token = try signer.token(at: time.seconds)
        let signed = time.seconds
        time.pass(.seconds(8))
        judge.freshness.prove(signed)
        time.pass(.seconds(2))
        #expect(refusal(token) == nil)
        time.pass(.seconds(1))
        judge.freshness.prove(signed)
        #expect(refusal(token) == .unavailable)
        judge.freshness.prove(time.seconds - 9)
        #expect(refusal(token) == nil)
    }

    @Test("what is remembered is bounded")
    func bounded() throws {
        let tokens = VerifiedTokens()
        let token = try judge.verify(try signer.token(at: time.seconds))
        for number in 0..<(3 * VerifiedTokens.capacity) { tokens.remember(token, for: "\(number)") }
        #expect(tokens.count <= 2 * VerifiedTokens.capacity)
        tokens.remember(token, for: String(repeating: "x", count: 5000))
        #expect(tokens.token(for: String(repeating: "x", count: 5000)) == nil)
    }
}
