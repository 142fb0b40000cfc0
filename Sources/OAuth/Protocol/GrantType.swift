/// The name of a grant on the wire. An open set: a grant adds its own static member.
package struct GrantType: RawRepresentable, Hashable, Sendable {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }

    /// RFC 6749 section 4.4.
    package static let clientCredentials = GrantType(rawValue: "client_credentials")
    /// RFC 8693.
    package static let tokenExchange = GrantType(rawValue: "urn:ietf:params:oauth:grant-type:token-exchange")

    /// The short word that the admin API and the command line use.
    package var shortName: String { self == .tokenExchange ? "token_exchange" : rawValue }

    /// Nil when no grant has this short or full name.
    package init?(name: String) {
        switch name {
        case "client_credentials": self = .clientCredentials
        case "token_exchange", GrantType.tokenExchange.rawValue: self = .tokenExchange
        default: return nil
        }
    }
}

/// What kind of token a request or an answer speaks of (RFC 8693 section 3).
package struct TokenType: RawRepresentable, Hashable, Sendable {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }

    package static let accessToken = TokenType(rawValue: "urn:ietf:params:oauth:token-type:access_token")
    package static let idToken = TokenType(rawValue: "urn:ietf:params:oauth:token-type:id_token")
    package static let jwt = TokenType(rawValue: "urn:ietf:params:oauth:token-type:jwt")
}
