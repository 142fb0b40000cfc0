package import JOSE

/// The `cnf` claim (RFC 7800): what whoever uses the token has to prove that they hold.
///
/// Both members may be there; then both have to be proved.
package struct Confirmation: Sendable, Equatable, CustomStringConvertible {
    /// `jkt`: the SHA-256 thumbprint of the key that signs DPoP proofs (RFC 9449 section 6.1).
    package var keyThumbprint: String?
    /// `x5t#S256`: the SHA-256 digest of the client certificate's DER, in base64url (RFC 8705 section 3.1).
    package var certificateThumbprint: String?

    private static let key = "jkt"
    private static let certificate = "x5t#S256"

    /// Nil when nothing is bound: a confirmation that confirms nothing does not exist.
    package init?(keyThumbprint: String? = nil, certificateThumbprint: String? = nil) {
        guard keyThumbprint != nil || certificateThumbprint != nil else { return nil }
        self.keyThumbprint = keyThumbprint
        self.certificateThumbprint = certificateThumbprint
    }

    /// Reads the claim. Nil when there is anything in it that is not understood: ignoring it would free the token of
    /// what binds it.
    package init?(claim: JSON) {
        guard case .object(let object) = claim else { return nil }
        var key: String?
        var certificate: String?
        for (name, value) in object.members {
            guard case .string(let text) = value, Self.isThumbprint(text) else { return nil }
            switch name {
            case Self.key: key = text
            case Self.certificate: certificate = text
            default: return nil
            }
        }
        self.init(keyThumbprint: key, certificateThumbprint: certificate)
    }

    package var claim: JSON {
        var object: JSONObject = [:]
        if let keyThumbprint { object[Self.key] = .string(keyThumbprint) }
        if let certificateThumbprint { object[Self.certificate] = .string(certificateThumbprint) }
        return .object(object)
    }

    /// In words, for the audit trail.
    package var description: String {
        let key = keyThumbprint.map { "bound to the key \($0)" }
        let certificate = certificateThumbprint.map { "bound to the certificate \($0)" }
        guard let key, let certificate else { return key ?? certificate ?? "" }
        return "\(key), \(certificate)"
    }

    /// 32 bytes in base64url.
    private static func isThumbprint(_ text: String) -> Bool { Base64URL.decode(text)?.count == 32 }
}

/// How a token of ours has to be presented (RFC 6749 section 7.1).
package enum TokenPresentation {
    package static let bearer = "Bearer"
    package static let dpop = "DPoP"

    /// `token_type` of a token with this confirmation. One that is bound to a certificate alone is still presented as
    /// `Bearer` (RFC 8705 section 3).
    package static func type(for confirmation: Confirmation?) -> String {
        confirmation?.keyThumbprint == nil ? bearer : dpop
    }
}
