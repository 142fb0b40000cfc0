/// How long access tokens live, in seconds.
package enum TokenLifetime {
    /// When neither the client nor the resource says otherwise.
    package static let standard = 300
    /// No setting raises this for anyone.
    package static let ceiling = 900

    /// When a token issued now ends, in seconds since 1970: the smaller of client's and resource's lifetime, never past
    /// the ceiling, the subject token, the actor token or the delegation.
    static func end(of authorization: Authorization, at now: Timestamp) -> Int64 {
        let configured = [authorization.client.tokenTTL, authorization.target.tokenTTL].compactMap { $0 }.min()
        let life = min(configured ?? standard, ceiling)
        return authorization.expiryCeilings.reduce(now.seconds + Int64(life)) { min($0, $1) }
    }
}
