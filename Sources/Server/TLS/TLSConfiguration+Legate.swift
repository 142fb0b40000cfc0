import NIOSSL

extension TLSConfiguration {
    /// TLS 1.3, and TLS 1.2 with forward secrecy and authenticated encryption alone (BCP 195; RFC 9325 section 4.2).
    /// There is no renegotiation and no compression: the library has neither for servers.
    static func legate(
        _ chain: [NIOSSLCertificate], _ key: NIOSSLPrivateKey, asksForCertificate: Bool
    ) -> TLSConfiguration {
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key)
        )
        tls.minimumTLSVersion = .tlsv12
        tls.cipherSuites = suites.joined(separator: ":")
        tls.signingSignatureAlgorithms = signatures
        tls.verifySignatureAlgorithms = signatures
        tls.applicationProtocols = ["h2", "http/1.1"]
        // Whom a certificate names is for the endpoint to decide; here the peer only proves that it has the key.
        tls.certificateVerification = asksForCertificate ? .optionalVerification : .none
        tls.trustRoots = .certificates([])
        return tls
    }

    private static let suites = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
    ]

    private static let signatures: [SignatureAlgorithm] = [
        .ecdsaSecp256R1Sha256, .ecdsaSecp384R1Sha384, .ed25519, .rsaPssRsaeSha256, .rsaPssRsaeSha384,
        .rsaPssRsaeSha512, .rsaPkcs1Sha256, .rsaPkcs1Sha384, .rsaPkcs1Sha512,
    ]
}
