import JOSE
import Vault

/// A provider's successful answer (RFC 6749 section 5.1), as far as it is believed.
struct ProviderTokens: Sendable {
    let accessToken: Secret
    /// Seconds from the moment in which the provider was asked; nil when it gave no end.
    let expiresIn: Int?
    /// Nil when the old one stays in force (RFC 6749 section 6).
    let refreshToken: String?
    /// Nil when the provider granted what was asked for, or did not say.
    let scopes: ScopeSet?
    /// Just before the provider was asked.
    let askedAt: Timestamp

    private static let longestToken = VaultSecret.longestValue
    /// Ten years: an end that is farther off is a mistake, and is cut.
    private static let longestLife: Int64 = 315_360_000

    init(_ object: JSONObject, askedAt: Timestamp) throws(ProviderFailure) {
        guard let token = object["access_token"]?.string, (1...Self.longestToken).contains(token.utf8.count),
            token.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else { throw .refused("the provider's answer has no access_token that can be used") }
        guard let type = object["token_type"]?.string, type.lowercased() == "bearer" else {
            throw .refused("the provider's token is of a type other than Bearer")
        }
        if let value = object["expires_in"], !value.isNull {
            // Some write the number as a text.
            guard let seconds = value.integer ?? value.string.flatMap({ Int64($0) }), seconds > 0 else {
                throw .refused("expires_in of the provider's answer is not a positive number of seconds")
            }
            expiresIn = Int(min(seconds, Self.longestLife))
        } else {
            expiresIn = nil
        }
        let refresh = object["refresh_token"]?.string
        guard (refresh?.utf8.count ?? 1) <= Self.longestToken else {
            throw .refused("the refresh_token of the provider's answer is too long")
        }
        accessToken = Secret(Array(token.utf8))
        refreshToken = refresh.flatMap { $0.isEmpty ? nil : $0 }
        scopes = object["scope"]?.string.flatMap { ScopeSet($0) }
        self.askedAt = askedAt
    }

    var expiresAt: Timestamp? { expiresIn.map { askedAt.adding(seconds: $0) } }
}

/// Why a provider gave no token. The texts are for operators; nothing that the provider wrote freely is in them.
enum ProviderFailure: Error, Sendable, Equatable {
    /// The grant is no more: `invalid_grant`. Only a person can connect the account again.
    case ended(String)
    /// The provider will not, for another reason that time may not mend.
    case refused(String)
    /// The provider did not answer, or said that it cannot now.
    case unreachable(String)

    var reason: String {
        switch self {
        case .ended(let reason), .refused(let reason), .unreachable(let reason): reason
        }
    }
}
