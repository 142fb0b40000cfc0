import JOSE

extension FuzzTarget {
    /// A token of any kind. What is not one is taken for the claims of a token that is signed as it should be.
    static let jwt = FuzzTarget(name: "jwt") { bytes in
        guard bytes.contains(UInt8(ascii: ".")), let text = String(validating: bytes, as: UTF8.self),
            let token = try? UnverifiedJWT(text)
        else { return readClaims(bytes) }
        for types in [JWTTypes.exactly("at+jwt"), .anyOf(["jwt", "at+jwt"], orAbsent: true)] {
            guard (try? token.verified(with: TestKeys.published, types: types)) != nil else { continue }
            let input = text.utf8.prefix(upTo: text.utf8.lastIndex(of: UInt8(ascii: ".")) ?? text.utf8.startIndex)
            law("nothing is accepted but what was signed", signed.contains { $0.utf8.elementsEqual(input) })
        }
        _ = TestKeys.published.key(for: token.header)
    }

    private static func readClaims(_ bytes: [UInt8]) {
        guard let token = try? TestKeys.ed25519.compactJWS(type: "at+jwt", payload: bytes),
            let unverified = try? UnverifiedJWT(token, maximumLength: 100_000),
            let verified = try? unverified.verified(with: TestKeys.published, types: .exactly("at+jwt"))
        else { return }
        for member in verified.claims.members {
            _ = try? verified.string(member.name)
            guard let time = try? verified.time(member.name) else { continue }
            law("a time can be written", (0...253_402_300_799).contains(time))
        }
        if let audience = verified.audience { law("an audience is somebody", !audience.isEmpty) }
    }

    /// Header and payload of the tokens in `Corpora/jwt` that are signed.
    private static let signed = [
        """
        eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUiLCJzdWIiOiJhZ2VudCIsImF1ZCI6Imh0dH\
        BzOi8vYXBpLmV4YW1wbGUiLCJpYXQiOjEzMDA4MTkwODAsImV4cCI6MTMwMDgxOTM4MH0
        """,
        """
        eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSJ9.eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUiLCJzdWIiOiJ1c2VyIiwiYXVkIjpbImEiLC\
        JiIl0sImFjdCI6eyJzdWIiOiJhZ2VudCIsImFjdCI6eyJzdWIiOiJwbGFubmVyIn19LCJleHAiOjEzMDA4MTkzODAuNX0
        """,
    ]
}
