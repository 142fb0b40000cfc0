import JOSE
import Testing

/// Keys and tokens that several tests share.
enum Fixtures {
    /// One key for each algorithm. RSA keys take long to make, so they are made once.
    static let keys: [SignatureAlgorithm: SigningKey] = {
        var keys: [SignatureAlgorithm: SigningKey] = [:]
        for algorithm in SignatureAlgorithm.allCases {
            guard algorithm != .ps256 else { continue }
            keys[algorithm] = try? SigningKey.generate(algorithm)
        }
        if let bytes = keys[.rs256]?.rawRepresentation {
            keys[.ps256] = try? SigningKey(algorithm: .ps256, rawRepresentation: bytes)
        }
        return keys
    }()

    static func key(_ algorithm: SignatureAlgorithm) throws -> SigningKey {
        try #require(keys[algorithm])
    }

    /// A token with any header and payload, signed as the key signs.
    static func token(header: String, payload: String = "{}", key: SigningKey) throws -> String {
        let input = Base64URL.encode(header.utf8) + "." + Base64URL.encode(payload.utf8)
        return input + "." + Base64URL.encode(try key.signature(over: Array(input.utf8)))
    }

    /// A token with these claims that has been verified.
    static func verified(claims: String) throws -> VerifiedJWT {
        let key = try key(.ed25519)
        let token = try key.compactJWS(type: "test+jwt", payload: Array(claims.utf8))
        return try UnverifiedJWT(token).verified(with: key.publicKey, types: .exactly("test+jwt"))
    }

    /// The header of a token that says this.
    static func header(_ header: String) throws -> JWTHeader {
        let token = Base64URL.encode(header.utf8) + ".e30.AA"
        return try UnverifiedJWT(token).header
    }

    /// RFC 7515, A.3.1.
    static let ecKey = """
        {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",\
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
        """

    /// RFC 7515, A.2.1.
    static let rsaKey = """
        {"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4\
        d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS\
        -UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91\
        kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}
        """

    /// RFC 8037, A.2.
    static let okpKey = #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
}

/// A small generator of the same numbers every time, so that a failure can be repeated.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
