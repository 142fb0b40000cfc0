package import Certificates

/// The certificate with whose key the peer of this request made a TLS handshake, with us or with a proxy that we trust
/// (RFC 8705). To have one proves the key and nothing else: whose it is, a client authentication method decides.
package struct ClientCertificate: Sendable {
    /// What the peer presented.
    package let chain: CertificateChain
    /// When the path to a certificate authority that the operator configured ends, in seconds since 1970. Nil when
    /// there is no such path, as with a certificate that its client signed itself.
    package let verifiedUntil: Int64?

    package init(_ chain: CertificateChain, verifiedUntil: Int64?) {
        self.chain = chain
        self.verifiedUntil = verifiedUntil
    }

    package var leaf: ParsedCertificate { chain.leaf }
    package var der: [UInt8] { chain.leaf.der }
    /// `x5t#S256`: base64url of the SHA-256 of the DER.
    package var thumbprint: String { chain.leaf.thumbprint }
    /// Whether a path to a configured certificate authority was found.
    package var isVerified: Bool { verifiedUntil != nil }
}
