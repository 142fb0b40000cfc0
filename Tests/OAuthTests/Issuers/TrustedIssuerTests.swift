import JOSE
import OAuth
import Support
import Testing

@Suite("Trusting issuers")
struct TrustedIssuerTests {
    private func draft(_ more: JSONObject) -> JSONObject {
        let right: JSONObject = [
            "name": "new", "issuer": "https://new.example.com", "jwks_uri": "https://new.example.com/jwks",
        ]
        return right.merging(patch: more)
    }

    @Test("keys come from a set or a URL, exactly one of them")
    func keys() async throws {
        let kit = try await LegateKit.start()
        let jwks: JSON = .object(try kit.corp.jwks())
        await expectInvalid("jwks") { try await kit.create(.issuer, draft(["jwks_uri": .null])) }
        await expectInvalid("jwks_uri") { try await kit.create(.issuer, draft(["jwks": jwks])) }
        await expectInvalid("jwks_uri") {
            try await kit.create(.issuer, draft(["jwks_uri": "http://new.example.com/jwks"]))
        }
        await expectInvalid("jwks") {
            try await kit.create(.issuer, draft(["jwks_uri": .null, "jwks": .object(["keys": []])]))
        }
        try await kit.create(.issuer, draft(["jwks_uri": .null, "jwks": jwks]))
    }

    @Test("name and URL are checked, and for life")
    func names() async throws {
        let kit = try await LegateKit.start()
        await expectInvalid("name") { try await kit.create(.issuer, draft(["name": "New"])) }
        for url in ["http://new.example.com", "https://new.example.com?x", "new.example.com", .integer(1)] as [JSON] {
            await expectInvalid("issuer") { try await kit.create(.issuer, draft(["issuer": url])) }
        }
        await expectInvalid("issuer") { try await kit.create(.issuer, draft(["issuer": .string(kit.issuer.text)])) }
        await expectInvalid("colour") { try await kit.create(.issuer, draft(["colour": "red"])) }
        await expectInvalid("issuer", "name") {
            try await kit.update(.issuer, "corp", ["issuer": "https://new.example.com", "name": "new"])
        }
    }

    @Test("what is not said has its usual value")
    func defaults() async throws {
        let kit = try await LegateKit.start()
        let issuer = try #require(try await kit.create(.issuer, draft([:])).created as? TrustedIssuer)
        #expect(issuer.subjectClaim == "sub")
        #expect(issuer.groupsClaim == "groups")
        #expect(issuer.audiences == [])
        #expect(issuer.enabled)
        #expect(!issuer.allowPrivateNetwork)
    }

    @Test("two issuers may have users of the same name; they are two users")
    func sameSubject() async throws {
        let kit = try await LegateKit.start()
        let url = try #require(IssuerURL("https://other.example.com"))
        let other = IdentityProvider(name: try #require(IssuerName("other")), url: url, clock: kit.clock)
        try await kit.create(
            .issuer, ["name": "other", "issuer": .string(url.text), "jwks": .object(try other.jwks())])
        try await kit.delegate(to: kit.planner)
        await expectRefusal(.invalidRequest) {
            try await kit.exchange(try other.token("alice", audience: kit.issuer), by: kit.planner, type: .idToken)
        }
        try await kit.act(by: kit.planner)
    }
}
