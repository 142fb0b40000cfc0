import Certificates

extension PossessionCheck {
    /// What a new token can be bound to; nothing when the certificate is not valid at this time.
    static func bindable(_ certificate: ClientCertificate?, at now: Timestamp) -> String? {
        guard let certificate, certificate.leaf.isValid(at: now.seconds) else { return nil }
        return certificate.thumbprint
    }
}

extension Confirmation {
    /// What of this a token is bound to. The certificate counts where somebody wants it (RFC 8705 section 3.4): many
    /// clients authenticate with one and use their tokens where nobody can see it.
    func narrowed(for authorization: Authorization) -> Confirmation? {
        let isWanted =
            authorization.client.certificateBound || authorization.target.requireCertificate
            || authorization.subjectToken?.isBound == true
            || authorization.actorConfirmation?.certificateThumbprint != nil
        return isWanted ? self : Confirmation(keyThumbprint: keyThumbprint)
    }
}

extension SubjectToken {
    /// Whether whoever uses it has to prove something.
    fileprivate var isBound: Bool {
        switch self {
        case .own(let token): token.confirmation != nil
        case .foreign(let token): token.confirmation != nil
        }
    }
}
