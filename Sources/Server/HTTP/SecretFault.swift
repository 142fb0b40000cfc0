import HTTPTypes
import OAuth

/// The refusals of the vault, in the words of HTTP.
extension SecretRefusal {
    var status: HTTPResponse.Status {
        switch self {
        case .notFound, .missing: .notFound
        case .exists, .conflict: .conflict
        case .stale, .staleVersion: .preconditionFailed
        case .unavailable: .serviceUnavailable
        case .damaged: .internalServerError
        }
    }

    /// The last part of the problem type.
    var code: String {
        switch self {
        case .notFound, .missing: "not_found"
        case .exists: "exists"
        case .conflict: "conflict"
        case .stale, .staleVersion: "stale"
        case .unavailable: OAuthError.Code.temporarilyUnavailable.rawValue
        case .damaged: "sealed_value_damaged"
        }
    }

    var sentence: String {
        switch self {
        case .notFound: "there is no such secret, version or lease, or none that this token may know of"
        case .exists(let name): "there is a secret \(name) already: change that one"
        case .stale(let name): "\(name) was changed in the meantime, or is not as you expect: read it again"
        case .staleVersion(let name, current: let version?):
            "the current version of \(name) is \(version), which is not the one that you expect"
        case .staleVersion(let name, current: nil): "\(name) has no current version, although you expect one"
        case .missing(let reason), .conflict(let reason), .unavailable(let reason, _): reason
        case .damaged: "the stored value does not open, so it is not handed out; the operators were told"
        }
    }

    /// What is not there, for the trail; nil for any other refusal.
    var absence: String? {
        switch self {
        case .notFound: "no such secret, version or lease"
        case .missing(let reason): reason
        default: nil
        }
    }

    /// Seconds, when time alone is the obstacle.
    var retryAfter: Int? {
        guard case .unavailable(_, let seconds) = self else { return nil }
        return seconds
    }
}
