/// One permission on a secret. Every condition that is named must hold; it names a client, a user, or both.
package struct SecretRule: Sendable, Equatable {
    package let id: RuleID
    /// The client that holds the token.
    package var client: ClientID?
    /// The user in whose name the client acts, `NAME|SUB`: then a delegation must stand behind the token.
    package var subject: String?
    /// A scope that the token must carry.
    package var scope: String?
    /// The audience of the token through which the secret is reached: the vault itself, to read it, or a third-party
    /// API, to be given it by exchange or by a gateway. A rule for one door opens no other.
    package var resource: ResourceURI

    package init(
        id: RuleID, client: ClientID? = nil, subject: String? = nil, scope: String? = nil, resource: ResourceURI
    ) {
        self.id = id
        self.client = client
        self.subject = subject
        self.scope = scope
        self.resource = resource
    }

    /// Whether the holder meets every condition. A rule that names neither client nor user lets nobody in.
    func admits(_ holder: SecretHolder) -> Bool {
        guard client != nil || subject != nil, holder.door == resource else { return false }
        if let client, client != holder.client { return false }
        if let subject, subject != holder.user { return false }
        if let scope, !holder.scopes.contains(scope) { return false }
        return true
    }
}

/// Whoever asks for a value, as proved by a live token or by what a token would be made of.
package struct SecretHolder: Sendable {
    /// Everything by which what is released can be revoked.
    package let identity: TokenIdentity
    /// The resource through which the secret is reached.
    package let door: ResourceURI
    package let scopes: ScopeSet
    /// Whole seconds since 1970 that what is released may not outlive, beside the lease's own time.
    package let end: Int64?

    package var client: ClientID { identity.clientID }
    /// The delegating user, when a delegation stands behind it.
    package var user: String? { identity.delegationID == nil ? nil : identity.subject }

    package init(identity: TokenIdentity, door: ResourceURI, scopes: ScopeSet, end: Int64? = nil) {
        self.identity = identity
        self.door = door
        self.scopes = scopes
        self.end = end
    }

    /// The holder of one of our own tokens.
    package init(_ token: AccessToken) {
        self.init(identity: token.identity, door: token.audience, scopes: token.scopes)
    }
}

extension VaultSecret {
    /// The rule that lets the holder have the secret; the first one in the order in which they were made.
    package func rule(admitting holder: SecretHolder) -> SecretRule? { rules.first { $0.admits(holder) } }
}
