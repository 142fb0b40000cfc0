import JOSE

/// Turns a permit into a signed token. CPU only: nothing is written here.
package struct TokenMint: Sendable {
    package let issuer: IssuerURL
    package let keys: SigningKeys
    private let statusLists: StatusLists

    package init(issuer: IssuerURL, keys: SigningKeys, statusLists: StatusLists) {
        self.issuer = issuer
        self.keys = keys
        self.statusLists = statusLists
    }

    /// A token that is not committed yet. It must not leave before it is.
    package struct Minted: Sendable {
        package let token: AccessToken
        package let compact: String
    }

    package func mint(_ permit: Permit, at now: Timestamp) throws -> Minted {
        let algorithm = permit.authorization.target.signingAlgorithm
        guard let key = keys.active(algorithm, at: now) else { throw MissingSigningKey(algorithm: algorithm) }
        let token = claims(of: permit, keyID: key.keyID, at: now)
        return Minted(
            token: token,
            compact: try key.compactJWS(type: AccessToken.type, payload: token.payload(issuer: issuer))
        )
    }

    /// What a token for this permit says. Without a key it is signed by nobody: it says under what a credential of the
    /// vault is released.
    func claims(of permit: Permit, keyID: String?, at now: Timestamp) -> AccessToken {
        let authorization = permit.authorization
        return AccessToken(
            identity: identity(of: permit, keyID: keyID, at: now), audience: authorization.target.uri,
            scopes: permit.scopes, expiresAt: permit.expiresAt,
            mayAct: authorization.delegation?.mayAct.count == 1 ? authorization.delegation?.mayAct.first : nil,
            agent: authorization.target.includeAgentClaim ? agentClaim(of: authorization.client) : nil,
            status: authorization.target.statusList && keyID != nil ? statusLists.reserve() : nil,
            confirmation: keyID == nil ? nil : authorization.confirmation,
            authorizationDetails: permit.authorizationDetails
        )
    }

    private func identity(of permit: Permit, keyID: String?, at now: Timestamp) -> TokenIdentity {
        let authorization = permit.authorization
        let client = authorization.client
        return TokenIdentity(
            jti: Unguessable.timeOrdered(at: now), issuedAt: permit.issuedAt, keyID: keyID,
            subject: authorization.subject, clientID: client.id,
            agentID: authorization.agentInstance?.text ?? (client.kind == .agent ? client.id.text : nil),
            delegationID: authorization.delegation?.id, task: authorization.task, session: authorization.session,
            actors: authorization.actors
        )
    }

    private func agentClaim(of client: Client) -> JSONObject {
        var claim: JSONObject = [:]
        let members = [
            ("type", client.type), ("version", client.version), ("owner", client.owner), ("tier", client.tier),
        ]
        for (name, value) in members {
            if let value { claim[name] = .string(value) }
        }
        return claim
    }
}

/// A resource asks for an algorithm for which there is no key: our fault, not the client's.
struct MissingSigningKey: Error {
    let algorithm: SignatureAlgorithm
}
