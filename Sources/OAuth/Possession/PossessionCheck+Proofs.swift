import JOSE

extension PossessionCheck {
    /// The one proof of a request, good for its method, URL and access token.
    func proof(
        in presented: Presented, over compact: String?, at now: Timestamp
    ) throws(OAuthError) -> DPoPProof {
        guard let text = presented.proofs.first else {
            throw OAuthError(.invalidDPoPProof, "a DPoP proof is required, in the header DPoP", rule: Rule.proof)
        }
        guard presented.proofs.count == 1 else {
            throw OAuthError(.invalidDPoPProof, "more than one DPoP header: send one proof", rule: Rule.proof)
        }
        guard let target = DPoPTarget(presented.url) else {
            throw OAuthError(
                .invalidDPoPProof, "no DPoP proof can be made for this request", detail: "the URL is not known",
                rule: Rule.proof
            )
        }
        do throws(DPoPError) {
            return try DPoPProof(
                verifying: text, method: presented.method, target: target, accessToken: compact, headers: headers,
                at: now.seconds
            )
        } catch {
            throw OAuthError(.invalidDPoPProof, Self.text(error, presented), rule: Rule.proof)
        }
    }

    /// What is wrong with a proof, and which call it should have been for. Method and URL come last: the URL may be
    /// long.
    private static func text(_ error: DPoPError, _ presented: Presented) -> String {
        switch error {
        case .method where presented.isOfUnprovenGateway:
            "htm of the DPoP proof must be the method of the gateway's question, for the gateway sent no credentials: "
                + presented.method
        case .target where presented.isOfUnprovenGateway:
            "htu of the DPoP proof must be the URI of the resource, for the gateway sent no credentials: "
                + presented.url
        case .target:
            "htu of the DPoP proof must be the URL of the request, without query and fragment: \(presented.url)"
        default: error.description
        }
    }

    /// Uses a proof that is good in every other way. Last of all: what is refused for another reason leaves nothing
    /// behind.
    func take(
        _ proof: DPoPProof, of holder: ClientID, isOfThisRun: Bool, wantsNonce: Bool, at now: Timestamp
    ) throws(OAuthError) {
        var hasNonce = false
        if let nonce = proof.nonce {
            guard nonces.isGood(nonce) else { throw nonceNeeded("the nonce of the DPoP proof is not current") }
            hasNonce = true
        }
        guard hasNonce || !wantsNonce else { throw nonceNeeded("the DPoP proof needs a nonce") }
        let use = DPoPReplays.Use(
            holder: holder.text, key: proof.keyThumbprint, id: proof.id, issuedAt: proof.issuedAt,
            hasNonce: hasNonce, isOfThisRun: isOfThisRun
        )
        switch replays.take(use, at: now.seconds) {
        case .new: return
        case .seen:
            throw OAuthError(
                .invalidDPoPProof, "the DPoP proof was used before: sign a new one with another jti", rule: Rule.replay
            )
        case .needsNonce:
            throw nonceNeeded(
                "the DPoP proof needs a nonce: without one it may have been used before the server started")
        case .tooManyOfHolder:
            throw OAuthError(
                .temporarilyUnavailable, "the client uses too many DPoP proofs a minute", rule: Rule.memory,
                retryAfter: 10
            )
        case .full:
            throw OAuthError(
                .temporarilyUnavailable, "too many DPoP proofs are in use; try again", rule: Rule.memory, retryAfter: 10
            )
        }
    }

    private func nonceNeeded(_ why: String) -> OAuthError {
        var error = OAuthError(
            .useDPoPNonce, why + "; take that of the header DPoP-Nonce", rule: Rule.nonce
        )
        error.nonce = nonces.current
        return error
    }
}
