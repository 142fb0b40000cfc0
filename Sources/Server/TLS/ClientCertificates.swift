package import Certificates
package import OAuth
import Synchronization

/// Judges the certificates that peers present: whether a path leads to an authority that the operator configured.
///
/// Nothing is decided about clients here. A certificate without such a path may still be one that a client registered.
package final class ClientCertificates: Sendable {
    private struct State {
        var anchors: TrustAnchors
        /// Grows when the authorities change; judgements by older ones count no more.
        var generation = 0
        /// Certificates with a path, by thumbprint. A stranger has none, so no stranger can fill or flush this.
        var verified: [String: ClientCertificate] = [:]
    }

    private static let capacity = 4096

    private let state: Mutex<State>
    private let now: Now

    package init(anchors: TrustAnchors = .none, now: @escaping Now) {
        state = Mutex(State(anchors: anchors))
        self.now = now
    }

    /// Trusts these authorities from now on, and no others: what was verified before is verified again.
    package func replace(_ anchors: TrustAnchors) {
        state.withLock { state in
            state.anchors = anchors
            state.generation &+= 1
            state.verified = [:]
        }
    }

    /// The certificate of a connection; nil when its peer presented none.
    func certificate(of connection: PeerConnection) async -> ClientCertificate? {
        guard let chain = connection.chain else { return nil }
        let generation = state.withLock { $0.generation }
        if let known = connection.judgement, known.generation == generation, isCurrent(known.certificate) {
            return known.certificate
        }
        let certificate = await certificate(of: chain)
        connection.judgement = PeerConnection.Judgement(generation: generation, certificate: certificate)
        return certificate
    }

    /// The certificate that leads such a chain.
    package func certificate(of chain: CertificateChain) async -> ClientCertificate {
        let (anchors, generation, known) = state.withLock {
            ($0.anchors, $0.generation, $0.verified[chain.leaf.thumbprint])
        }
        if let known, isCurrent(known) { return known }
        guard let end = try? await anchors.verify(chain, at: now().seconds) else {
            return ClientCertificate(chain, verifiedUntil: nil)
        }
        let certificate = ClientCertificate(chain, verifiedUntil: end)
        state.withLock { state in
            guard state.generation == generation else { return }
            if state.verified.count >= Self.capacity { state.verified = [:] }
            state.verified[chain.leaf.thumbprint] = certificate
        }
        return certificate
    }

    /// A path that has ended may have a successor: it is looked for again. Without a path there is nothing to end.
    private func isCurrent(_ certificate: ClientCertificate) -> Bool {
        certificate.verifiedUntil.map { now().seconds <= $0 } ?? true
    }
}
