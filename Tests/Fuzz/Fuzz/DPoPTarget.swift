import JOSE

extension FuzzTarget {
    /// A DPoP proof (RFC 9449). What is not one is taken for the claims of a proof that is signed as it should be, or
    /// for a URL.
    static let dpop = FuzzTarget(name: "dpop") { bytes in
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        if let target = DPoPTarget(text) { law("a URL is equal to itself", DPoPTarget(text) == target) }
        if bytes.first != UInt8(ascii: "{"), bytes.contains(UInt8(ascii: ".")) {
            for token in [nil, "token"] { verify(text, accessToken: token) }
        } else {
            let proof = TestKeys.signed(header: header, payload: bytes, by: TestKeys.ed25519)
            for token in [nil, "token"] {
                guard let verified = verify(proof, accessToken: token) else { continue }
                law("the key is the one of the header", verified.keyThumbprint == TestKeys.ed25519.publicKey.thumbprint)
            }
        }
    }

    @discardableResult
    private static func verify(_ text: String, accessToken: String?) -> DPoPProof? {
        let proof = try? DPoPProof(
            verifying: text, method: "POST", target: target, accessToken: accessToken, headers: headers, at: now
        )
        guard let proof else { return nil }
        law("a proof has an identifier", (1...256).contains(proof.id.utf8.count))
        law("a proof is of now", (now - DPoPProof.window...now + DPoPProof.window).contains(proof.issuedAt))
        law("a nonce is a short text", proof.nonce.map { (1...256).contains($0.utf8.count) } ?? true)
        law("a key has a thumbprint", proof.keyThumbprint.utf8.count == 43)
        return proof
    }

    /// When the proofs in `Corpora/dpop` were made.
    private static let now: Int64 = 1_700_000_000

    private static let headers = DPoPHeaders()

    private static let target: DPoPTarget = {
        guard let target = DPoPTarget("https://as.example/token") else { fatalError("no target") }
        return target
    }()

    private static let header: [UInt8] = {
        var key = TestKeys.ed25519.publicKey.json
        key["alg"] = nil
        key["kid"] = nil
        let header: JSONObject = ["typ": .string(DPoPProof.type), "alg": "EdDSA", "jwk": .object(key)]
        return header.serialized
    }()
}
