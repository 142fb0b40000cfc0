import JOSE
import Support
import Testing

@testable import OAuth

@Suite("SPIFFE bundles")
struct SPIFFEBundleTests {
    private func entry(_ use: JSON, _ adjust: (inout JSONObject) -> Void = { _ in }) throws -> JSON {
        var key = try TestKeys.key(.es256).publicKey.json
        key["use"] = use
        key["alg"] = nil
        adjust(&key)
        return .object(key)
    }

    /// A DER sequence, in standard base64.
    private let certificate = "MAMCAQE="

    private func bundle(_ entries: [JSON], _ more: JSONObject = [:]) throws -> SPIFFEBundle {
        let document: JSONObject = ["keys": .array(entries)]
        return try SPIFFEBundle(json: .object(document.merging(patch: more)))
    }

    @Test("keys are kept apart by their use; others are passed over")
    func uses() throws {
        let read = try bundle(
            [
                try entry("jwt-svid"), try entry("x509-svid") { $0["x5c"] = [.string(certificate)] },
                try entry("sig"), try entry(.null), try entry("wit-svid"),
            ], ["spiffe_sequence": 7, "spiffe_refresh_hint": 60])
        #expect(read.jwtKeys.keys.map(\.keyID) == [try TestKeys.key(.es256).keyID])
        #expect(read.authorities == [[0x30, 0x03, 0x02, 0x01, 0x01]])
        #expect(read.sequence == 7)
        #expect(read.refreshHint == 60)
    }

    @Test("a bundle without keys is valid and trusts nobody")
    func empty() throws {
        let read = try bundle([])
        #expect(read.jwtKeys.keys.isEmpty)
        #expect(read.authorities.isEmpty)
        #expect(read.sequence == nil)
    }

    @Test("a key of a kind that is not supported is passed over, the others count")
    func unsupported() throws {
        let curve: JSON = .object(["kty": "EC", "crv": "P-384", "use": "jwt-svid", "kid": "x", "x": "AA", "y": "AA"])
        #expect(try bundle([curve, try entry("jwt-svid")]).jwtKeys.keys.count == 1)
    }

    @Test("anything wrong with an entry refuses the whole bundle")
    func wrong() throws {
        let wrong: [JSON] = [
            try entry("jwt-svid") { $0["kid"] = nil },
            try entry("jwt-svid") { $0["d"] = "AAAA" },
            try entry("jwt-svid") { $0["x"] = "AAAA" },
            try entry("x509-svid"),
            try entry("x509-svid") { $0["x5c"] = [] },
            try entry("x509-svid") { $0["x5c"] = [.string(self.certificate), .string(self.certificate)] },
            try entry("x509-svid") { $0["x5c"] = ["MAMCAQE"] },
            try entry("x509-svid") { $0["x5c"] = ["not base64!"] },
            try entry("x509-svid") { $0["x5c"] = ["AAMCAQE="] },
            try entry("x509-svid") {
                $0["x5c"] = [.string(self.certificate)]
                $0["d"] = "AAAA"
            },
            "key",
        ]
        for entry in wrong { #expect(throws: JWKError.self, "\(entry.text)") { try bundle([entry]) } }
        let twice = try entry("jwt-svid")
        #expect(throws: JWKError.ambiguousKeys) { try bundle([twice, twice]) }
        for document in ["[]", "{}", #"{"keys":{}}"#, "1"] {
            #expect(throws: JWKError.self) { try SPIFFEBundle(json: try JSON(parsing: document)) }
        }
        for sequence in [-1, "1", 1.5] as [JSON] {
            #expect(throws: JWKError.self) { try bundle([], ["spiffe_sequence": sequence]) }
        }
    }

    @Test("the key of a bundle does not verify a token of the server's own kinds: its use says what it is for")
    func notAKeySet() throws {
        #expect(throws: JWKError.noUsableKey) { try JWKSet(json: .object(["keys": [try entry("jwt-svid")]])) }
    }
}
