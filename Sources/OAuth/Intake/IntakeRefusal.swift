/// Why a delivered event is not taken, in the words of RFC 8935 section 2.4.
package struct IntakeRefusal: Error, Sendable, Equatable {
    package enum Code: String, Sendable {
        /// It cannot be read, or says something that its type does not allow.
        case invalidRequest = "invalid_request"
        /// No key that its issuer has published fits, or its algorithm is not accepted.
        case invalidKey = "invalid_key"
        /// Its issuer is nobody we trust.
        case invalidIssuer = "invalid_issuer"
        /// It is meant for somebody else.
        case invalidAudience = "invalid_audience"
        /// The signature is not its issuer's.
        case authenticationFailed = "authentication_failed"
        /// Its issuer may not say this: the user is another issuer's.
        case accessDenied = "access_denied"
    }

    package let code: Code
    /// One sentence that says what would have to change.
    package let description: String

    package init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
