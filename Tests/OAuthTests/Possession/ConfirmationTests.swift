import JOSE
import Testing

@testable import OAuth

@Suite("The claim cnf")
struct ConfirmationTests {
    private static let print = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"

    @Test("both kinds are written and read alike")
    func roundTrip() throws {
        for (key, certificate) in [(Self.print, nil), (nil, Self.print), (Self.print, Self.print)]
            as [(String?, String?)]
        {
            let made = try #require(Confirmation(keyThumbprint: key, certificateThumbprint: certificate))
            #expect(Confirmation(claim: made.claim) == made)
        }
        #expect(Confirmation() == nil)
        #expect(
            try #require(Confirmation(keyThumbprint: Self.print)).claim == .object(["jkt": .string(Self.print)]))
        #expect(
            try #require(Confirmation(certificateThumbprint: Self.print)).claim
                == .object(["x5t#S256": .string(Self.print)]))
    }

    @Test("a claim that is not understood in whole is not read in part")
    func unknown() {
        let bad: [JSON] = [
            .null, [], .object([:]), "jkt", .object(["jkt": 1]), .object(["jkt": ""]), .object(["jkt": "short"]),
            .object(["kid": "x"]), .object(["jkt": .string(Self.print), "jwk": .object([:])]),
            .object(["jkt": .string(Self.print + "=")]), .object(["x5t": .string(Self.print)]),
        ]
        for claim in bad { #expect(Confirmation(claim: claim) == nil) }
    }

    @Test("a token that is bound to a key is presented as DPoP, one that is bound to a certificate as Bearer")
    func type() {
        #expect(TokenPresentation.type(for: nil) == "Bearer")
        #expect(TokenPresentation.type(for: Confirmation(certificateThumbprint: Self.print)) == "Bearer")
        #expect(TokenPresentation.type(for: Confirmation(keyThumbprint: Self.print)) == "DPoP")
    }
}
