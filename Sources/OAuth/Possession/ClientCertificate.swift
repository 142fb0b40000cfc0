package import Certificates

/// The certificate with whose key the peer of this request made a TLS handshake, with us or with a proxy that we trust
/// (RFC 8705). To have one proves the key and nothing else: whose it is, a client authentication method decides.
///
/// By reference: a parsed certificate is hundreds of bytes, and most requests, which travel with room for one, have none.
package final class ClientCertificate: Sendable {
    /// What the peer presented.
    package let chain: CertificateChain
    private let pathEnd: @Sendable () async -> Int64?

    /// - Parameter pathEnd: looks for a path to a certificate authority that the operator configured, and says when it
    ///   ends, in seconds since 1970. It is asked only when a client is named that needs one: it costs signatures.
    package init(_ chain: CertificateChain, pathEnd: @escaping @Sendable () async -> Int64?) {
        self.chain = chain
        self.pathEnd = pathEnd
    }

    package convenience init(_ chain: CertificateChain, verifiedUntil end: Int64?) {
        self.init(chain) { end }
    }

    package var leaf: ParsedCertificate { chain.leaf }
    package var der: [UInt8] { chain.leaf.der }
    /// `x5t#S256`: base64url of the SHA-256 of the DER.
    package var thumbprint: String { chain.leaf.thumbprint }
    /// When the path to a certificate authority that the operator configured ends, in seconds since 1970. Nil when
    /// there is no such path, as with a certificate that its client signed itself.
    package var verifiedUntil: Int64? {
        get async { await pathEnd() }
    }
}
