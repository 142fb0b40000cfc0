/// Why the vault does not do what it was asked about a secret.
package enum SecretRefusal: Error, Sendable, Equatable {
    /// There is no such secret, version or lease, or none that the caller may know of: both are told in the same words.
    case notFound
    /// What somebody who manages secrets has named is not there; one sentence says what.
    case missing(String)
    /// The name is taken.
    case exists(SecretName)
    /// The definition is not the one that the caller has seen.
    case stale(SecretName)
    /// The current version is another one, or there is none: told to those who manage secrets alone.
    case staleVersion(SecretName, current: Int?)
    /// The version cannot be what it was asked to become, or the secret is of another kind; one sentence says why.
    case conflict(String)
    /// What the value depends on does not answer now; one sentence for the caller, and seconds after which to retry.
    case unavailable(String, retryAfter: Int)
    /// The sealed value does not open: it was changed, cut or moved. It is reported, never served.
    case damaged
}

extension SecretRefusal {
    /// For the audit record.
    var reason: String {
        switch self {
        case .notFound: "no such secret, version or lease"
        case .exists(let name): "the name \(name) is taken"
        case .stale(let name), .staleVersion(let name, current: _): "\(name) was changed in the meantime"
        case .missing(let why), .conflict(let why): why
        case .unavailable(let why, retryAfter: _): why
        case .damaged: "the sealed value does not open"
        }
    }
}
