import Testing

@testable import LegateGateway

@Suite("What a refused caller is told")
struct ChallengesTests {
    private let both = Challenges(takesDPoP: true, requiresDPoP: false)
    private let algorithms = #"algs="ES256 Ed25519 PS256""#

    private func fields(_ challenges: Challenges, _ refusal: RefusedToken, isUnderDPoP: Bool = false) -> [String] {
        challenges.fields(for: refusal, isUnderDPoP: isUnderDPoP, scopes: [], metadata: nil)
    }

    @Test("whoever sent nothing is told every scheme that would do")
    func nothing() {
        #expect(fields(both, .missing) == ["Bearer", "DPoP " + algorithms])
        #expect(fields(Challenges(takesDPoP: true, requiresDPoP: true), .missing) == ["DPoP " + algorithms])
        #expect(fields(Challenges(takesDPoP: false, requiresDPoP: false), .missing) == ["Bearer"])
    }

    @Test("the error stands in the challenge of the scheme that was used")
    func scheme() {
        #expect(fields(both, .expired).map { $0.prefix(28) } == [#"Bearer error="invalid_token""#])
        let refused = fields(both, .expired, isUnderDPoP: true)
        #expect(refused.count == 1 && refused.allSatisfy { $0.hasPrefix(#"DPoP error="invalid_token","#) })
        #expect(refused.allSatisfy { $0.hasSuffix(algorithms) })
    }

    @Test("what is wrong with a proof is said in the words of RFC 9449")
    func proofs() {
        #expect(fields(both, .invalidProof("x")).allSatisfy { $0.hasPrefix(#"DPoP error="invalid_dpop_proof","#) })
        #expect(fields(both, .nonceNeeded).allSatisfy { $0.hasPrefix(#"DPoP error="use_dpop_nonce","#) })
    }

    @Test("an answer carries the nonce that it asks for, and is not to be kept")
    func nonce() {
        let answer = GatewayAnswer(.nonceNeeded, challenges: ["DPoP x"], nonce: "n")
        #expect(answer.status == 401)
        #expect(answer.headers.contains { $0.name == "DPoP-Nonce" && $0.value == "n" })
        #expect(answer.headers.contains { $0.name == "WWW-Authenticate" && $0.value == "DPoP x" })
        #expect(answer.headers.contains { $0.name == "Cache-Control" && $0.value == "no-store" })
        let busy = GatewayAnswer(.tooManyProofs, challenges: ["DPoP x"], nonce: nil)
        #expect(busy.status == 429 && busy.headers.contains { $0.name == "Retry-After" })
        #expect(!busy.headers.contains { $0.name == "WWW-Authenticate" })
    }
}
