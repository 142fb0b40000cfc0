package import JOSE

/// Decides whether whoever sent a request holds what it has to hold: the key of a DPoP proof (RFC 9449), the client
/// certificate of a token (RFC 8705). The one place for all endpoints.
package final class PossessionCheck: Sendable {
    private let registry: Registry
    let nonces: DPoPNonces
    let replays: DPoPReplays
    let headers = DPoPHeaders()
    private let start: Int64
    /// Whether `/token` and Legate's own APIs want nonces.
    private let wantsNonce: Bool

    /// Proofs that are remembered at once: 32 MB. One client may have a quarter of them.
    private static let capacity = 2_000_000

    /// The rules as audit records name them.
    enum Rule {
        /// The proof itself is not good.
        static let proof = "dpop_proof"
        /// The proof was used before.
        static let replay = "dpop_replay"
        static let nonce = "dpop_nonce"
        /// The token is bound to a key and used without it, or is to be bound and is not.
        static let binding = "dpop_binding"
        /// The same of certificates.
        static let certificate = "certificate_binding"
        /// There is no room to remember the proof.
        static let memory = "dpop_memory"
    }

    /// Whether the refusal is one that a token under the scheme `DPoP`, with another proof, would not meet.
    package static func wantsProof(_ refusal: OAuthError) -> Bool {
        refusal.code == .invalidDPoPProof || refusal.code == .useDPoPNonce || refusal.rule == Rule.binding
    }

    /// - Parameter start: when this run begins: proofs from before it need a nonce.
    package init(
        registry: Registry, start: Timestamp, wantsNonce: Bool = false, uptime: @escaping Uptime = systemUptime()
    ) {
        self.registry = registry
        self.start = start.seconds
        self.wantsNonce = wantsNonce
        nonces = DPoPNonces(uptime: uptime)
        replays = DPoPReplays(start: start.seconds, capacity: Self.capacity, share: Self.capacity / 4, uptime: uptime)
    }

    /// What a client showed with its token request.
    struct Held: Sendable {
        /// Nil when it showed nothing.
        let confirmation: Confirmation?
        /// For the client's next proof.
        let nonce: String?
    }

    /// How many proofs are remembered.
    package var rememberedProofs: Int { replays.count }

    // MARK: The token endpoint

    /// What a client that has proved itself holds: its next token will be bound to it.
    ///
    /// - Throws: `invalid_dpop_proof` or `use_dpop_nonce`.
    func held(by client: ClientID, with presented: Presented, at now: Timestamp) throws(OAuthError) -> Held {
        let certificate = Self.bindable(presented.certificate, at: now)
        guard !presented.proofs.isEmpty else {
            return Held(confirmation: Confirmation(certificateThumbprint: certificate), nonce: nil)
        }
        let proof = try self.proof(in: presented, over: nil, at: now)
        try take(proof, of: client, isOfThisRun: false, wantsNonce: wantsNonce, at: now)
        return Held(
            confirmation: Confirmation(keyThumbprint: proof.keyThumbprint, certificateThumbprint: certificate),
            nonce: nextNonce(after: proof, wantsNonce: wantsNonce)
        )
    }

    // MARK: Resources

    /// Returns when a token may be used in this way at this resource by whoever sent it.
    ///
    /// - Parameters:
    ///   - token: live, and for the resource.
    ///   - credentials: as they were sent.
    /// - Returns: the nonce that the answer should carry, if any.
    /// - Throws: `invalid_token`, `invalid_dpop_proof` or `use_dpop_nonce`.
    package func verify(
        _ token: AccessToken, sentAs credentials: BearerCredentials, with presented: Presented, to resource: Resource,
        at now: Timestamp
    ) throws(OAuthError) -> String? {
        guard let compact = credentials.token else {
            throw OAuthError(.invalidToken, "a token is required", rule: Rule.binding)
        }
        if let thumbprint = token.confirmation?.certificateThumbprint {
            try verify(presented, hasCertificate: thumbprint)
        }
        try allowWithoutCertificate(token, to: resource)
        guard let thumbprint = token.confirmation?.keyThumbprint else {
            try allowWithoutKey(token, sentAs: credentials, to: resource)
            return nil
        }
        guard case .dpop = credentials else {
            throw OAuthError(
                .invalidToken, "the token is bound to a key: send it as DPoP, with a proof", rule: Rule.binding
            )
        }
        let proof = try self.proof(in: presented, over: compact, at: now)
        guard proof.keyThumbprint.utf8.elementsEqual(thumbprint.utf8) else {
            throw OAuthError(
                .invalidDPoPProof, "the DPoP proof is signed with another key than the token is bound to",
                rule: Rule.binding
            )
        }
        let wantsNonce = resource.dpopNonce || (wantsNonce && registry.ownResources.contains(resource.uri))
        try take(
            proof, of: token.clientID, isOfThisRun: token.identity.issuedAt > start, wantsNonce: wantsNonce, at: now
        )
        return nextNonce(after: proof, wantsNonce: wantsNonce)
    }

    /// Whoever has begun to use nonces gets the next one with the answer: an old one would cost a round trip.
    private func nextNonce(after proof: DPoPProof, wantsNonce: Bool) -> String? {
        wantsNonce || proof.nonce != nil ? nonces.current : nil
    }

    private func allowWithoutKey(
        _ token: AccessToken, sentAs credentials: BearerCredentials, to resource: Resource
    ) throws(OAuthError) {
        if case .dpop = credentials {
            throw OAuthError(
                .invalidToken, "the token is not bound to a key: it cannot be sent as DPoP", rule: Rule.binding)
        }
        guard !resource.requireDPoP, registry.client(token.clientID)?.dpopBound != true else {
            throw OAuthError(
                .invalidToken, "only a token that is bound to a key is taken here: get one with a DPoP proof",
                rule: Rule.binding
            )
        }
    }

    private func allowWithoutCertificate(_ token: AccessToken, to resource: Resource) throws(OAuthError) {
        guard token.confirmation?.certificateThumbprint == nil else { return }
        guard !resource.requireCertificate, registry.client(token.clientID)?.certificateBound != true else {
            throw OAuthError(
                .invalidToken, "only a token that is bound to a client certificate is taken here",
                rule: Rule.certificate
            )
        }
    }

    private func verify(_ presented: Presented, hasCertificate thumbprint: String) throws(OAuthError) {
        guard let certificate = presented.certificate else {
            let why =
                presented.certificateDoubt.map { "that in Legate-Client-Certificate does not count: \($0)" }
                ?? "the call came without it"
            throw OAuthError(
                .invalidToken, "the token is bound to a client certificate, and \(why)", rule: Rule.certificate
            )
        }
        guard certificate.thumbprint.utf8.elementsEqual(thumbprint.utf8) else {
            throw OAuthError(
                .invalidToken, "the token is bound to another client certificate", rule: Rule.certificate
            )
        }
    }
}
