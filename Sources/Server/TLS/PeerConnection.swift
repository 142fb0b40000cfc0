package import Certificates

/// What is known of the connection on which a request comes.
///
/// The HTTP machinery makes a request's context from its channel alone, so the connection's task carries this to the
/// context, which takes it once and hands it on as a value.
package final class PeerConnection: Sendable {
    @TaskLocal package static var current: PeerConnection?

    /// The peer's address, without port.
    let address: String
    /// What the peer presented in the handshake; nil when it was not asked, or had none.
    let chain: CertificateChain?
    /// Scheme, host and port of the listener as clients name it; nil for those of the issuer.
    let origin: String?

    package init(address: String, chain: CertificateChain? = nil, origin: String? = nil) {
        self.address = address
        self.chain = chain
        self.origin = origin
    }
}
