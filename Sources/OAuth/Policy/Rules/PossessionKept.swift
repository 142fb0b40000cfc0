/// A token is bound to what its client holds where that is demanded, and what was bound stays bound: a bound token is not
/// exchanged for one that anybody can use.
package struct PossessionKept: PolicyRule {
    package static let name = "possession_kept"
    package init() {}

    package func objection(to authorization: Authorization, in context: PolicyContext) -> Refusal? {
        let held = authorization.confirmation
        if held?.keyThumbprint == nil {
            if authorization.client.dpopBound {
                return refuse(
                    .invalidDPoPProof, "the client is registered for tokens bound to a key: send a DPoP proof")
            }
            if authorization.target.requireDPoP {
                return refuse(
                    .invalidDPoPProof, "the resource takes only tokens that are bound to a key: send a DPoP proof")
            }
        }
        if held?.certificateThumbprint == nil {
            if authorization.client.certificateBound {
                return refuse(
                    .invalidRequest,
                    "the client is registered for tokens bound to its certificate: send the request with it, at the "
                        + "endpoint in mtls_endpoint_aliases")
            }
            if authorization.target.requireCertificate {
                return refuse(
                    .invalidRequest,
                    "the resource takes only tokens that are bound to a client certificate: send the request with one")
            }
        }
        // An actor token of ours is always the client's own.
        if let bound = authorization.actorConfirmation,
            let refusal = objection(unless: held, proves: bound, of: "actor")
        {
            return refusal
        }
        switch authorization.subjectToken {
        case nil: return nil
        case .own(let token):
            guard let bound = token.confirmation else { return nil }
            // The client that it was issued to has its key; a resource that it was sent to has one of its own.
            if token.clientID == authorization.client.id {
                return objection(unless: held, proves: bound, of: "subject")
            }
            return held == nil
                ? refuse(
                    .invalidDPoPProof,
                    "the subject token is bound to its sender: prove a key of your own, which the new token is bound to"
                )
                : nil
        case .foreign(let token):
            guard let bound = token.confirmation else { return nil }
            return objection(unless: held, proves: bound, of: "subject")
        }
    }

    /// Everything that the token is bound to has to be proved again.
    private func objection(unless held: Confirmation?, proves bound: Confirmation, of role: String) -> Refusal? {
        if let key = bound.keyThumbprint, held?.keyThumbprint != key {
            return refuse(
                .invalidDPoPProof, "the \(role) token is bound to a key: send a DPoP proof that is signed with it")
        }
        if let certificate = bound.certificateThumbprint, held?.certificateThumbprint != certificate {
            return refuse(
                .invalidRequest, "the \(role) token is bound to a client certificate: send the request with it")
        }
        return nil
    }
}
