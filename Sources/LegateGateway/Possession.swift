import Crypto
import JOSE

/// Decides whether the sender of a call holds what its token is bound to (RFC 9449 section 7, RFC 8705 section 3).
struct Possession: Sendable {
    let nonces: DPoPNonces
    let replays: DPoPReplays
    private let headers = DPoPHeaders()

    private let publicURL: PublicURL?
    private let requiresKey: Bool
    private let requiresCertificate: Bool
    private let requiresNonce: Bool
    private let clock: GatewayClock

    init(_ settings: GatewaySettings) {
        publicURL = settings.publicURL
        requiresKey = settings.requireDPoP
        requiresCertificate = settings.requireCertificate
        requiresNonce = settings.requireDPoPNonce
        let (clock, capacity) = (settings.clock, settings.maximumProofs)
        let uptime: Uptime = { clock.elapsed().components.seconds }
        self.clock = clock
        nonces = DPoPNonces(uptime: uptime)
        replays = DPoPReplays(start: clock.seconds(), capacity: capacity, share: capacity / 10, uptime: uptime)
    }

    /// Goes on with a token that may be used by whoever carries it.
    func allowBearer(_ token: VerifiedToken) throws(RefusedToken) {
        guard token.confirmation == nil else { throw .bound }
        guard !requiresKey, !requiresCertificate else { throw .unbound }
    }

    /// Goes on when the sender has proved to hold the key and the certificate that the token names, or it names none and
    /// none is required.
    ///
    /// - Parameters:
    ///   - token: live at this moment.
    ///   - compact: the same as it was sent, for `ath`.
    /// - Returns: the nonce for the sender's next proof, when one is wanted or this one had one.
    func prove(
        _ token: VerifiedToken, sentAs compact: String, under scheme: GatewayCall.Scheme, in call: GatewayCall
    ) throws(RefusedToken) -> String? {
        guard call.proofs.count <= 1 else { throw .invalidProof("The call has more than one DPoP header.") }
        if let thumbprint = token.confirmation?.certificateThumbprint {
            try proveCertificate(thumbprint, call.certificate)
        } else if requiresCertificate {
            throw .unbound
        }
        if let thumbprint = token.confirmation?.keyThumbprint {
            guard scheme == .dpop else { throw .bound }
            return try proveKey(thumbprint, sentAs: compact, in: call)
        }
        guard !requiresKey, scheme != .dpop else { throw .unbound }
        return nil
    }

    private func proveCertificate(_ thumbprint: String, _ certificate: [UInt8]?) throws(RefusedToken) {
        guard let certificate else { throw .bound }
        guard Base64URL.encode(Array(SHA256.hash(data: certificate))) == thumbprint else { throw .wrongCertificate }
    }

    private func proveKey(
        _ thumbprint: String, sentAs compact: String, in call: GatewayCall
    ) throws(RefusedToken) -> String? {
        guard let publicURL else { throw .unprovable }
        guard let text = call.proofs.first else { throw .invalidProof("The call has no DPoP header.") }
        guard let target = publicURL.target(of: call.target) else {
            throw .invalidProof("The URL of the call is not one that a proof could name.")
        }
        let now = clock.seconds()
        let proof: DPoPProof
        do throws(DPoPError) {
            proof = try DPoPProof(
                verifying: text, method: call.method, target: target, accessToken: compact, headers: headers, at: now)
        } catch {
            throw .invalidProof(error.description)
        }
        guard proof.keyThumbprint == thumbprint else {
            throw .invalidProof("The DPoP proof is signed with another key than the token is bound to.")
        }
        // Where none is wanted, a nonce that is not one of ours counts as none: another process beside this one, which
        // agents cannot tell from it, may have given it.
        let hasNonce = proof.nonce.map(nonces.isGood) ?? false
        guard hasNonce || !requiresNonce else { throw .nonceNeeded }
        // Whether the token is younger than this process cannot be told: another clock wrote its `iat`.
        let use = DPoPReplays.Use(
            holder: thumbprint, key: thumbprint, id: proof.id, issuedAt: proof.issuedAt, hasNonce: hasNonce,
            isOfThisRun: false)
        // Last of all: what is wrong in another way leaves nothing behind.
        switch replays.take(use, at: now) {
        // Whoever has begun to use nonces gets the next one with the answer: an old one would cost a round trip.
        case .new: return proof.nonce == nil ? nil : nonces.current
        case .seen: throw .invalidProof("The proof has been used before.")
        case .needsNonce: throw .nonceNeeded
        case .tooManyOfHolder: throw .tooManyProofs
        case .full: throw .unavailable
        }
    }
}
