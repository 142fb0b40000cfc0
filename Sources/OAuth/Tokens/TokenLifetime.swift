/// How long access tokens live, in seconds.
package enum TokenLifetime {
    /// When neither the client nor the resource says otherwise.
    package static let standard = 300
    /// No setting raises this for anyone.
    package static let ceiling = 900

    /// When a token issued now ends, in seconds since 1970: the smaller of client's and resource's lifetime, never past
    /// the ceiling, the subject token, the actor token or the delegation.
    static func end(of authorization: Authorization, at now: Timestamp) -> Int64 {
        let (client, target) = (authorization.client.tokenTTL, authorization.target.tokenTTL)
        let configured = min(client ?? target ?? standard, target ?? ceiling)
        return authorization.expiryCeilings.reduce(now.seconds + Int64(min(configured, ceiling))) { min($0, $1) }
    }
}
