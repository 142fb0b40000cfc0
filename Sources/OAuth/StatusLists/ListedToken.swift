/// A live token whose status stands in a list: everything that it can die of, and when it expires by itself.
package struct ListedToken: Sendable, Equatable {
    package let reference: StatusReference
    package let identity: TokenIdentity
    package let audience: ResourceURI
    /// Whole seconds since 1970.
    package let expiresAt: Int64

    package init(reference: StatusReference, identity: TokenIdentity, audience: ResourceURI, expiresAt: Int64) {
        self.reference = reference
        self.identity = identity
        self.audience = audience
        self.expiresAt = expiresAt
    }

    /// Nil when the token is in no list.
    package init?(_ token: AccessToken) {
        guard let reference = token.status else { return nil }
        self.init(
            reference: reference, identity: token.identity, audience: token.audience, expiresAt: token.expiresAt)
    }
}
