package import JOSE

/// The public halves of the signing keys: all that a sealed server has of them.
///
/// Gateways go on verifying tokens offline while nobody can sign. After a sealed start they come from the database as
/// they were written there, for the keys that would prove them are sealed; they are compared with the private halves as
/// soon as the server is opened.
package struct PublicHalves: Sendable {
    private let keys: [(stored: StoredSigningKey, publicKey: JWK)]

    /// Those of stored keys. One without a public half, or whose public half is not the key that its `kid` names
    /// (RFC 7638), is left out.
    package init(_ stored: [StoredSigningKey]) {
        keys = stored.compactMap { row in
            guard let text = row.publicKey, let json = try? JSON(parsing: Array(text.utf8)),
                let key = try? JWK(json: json), key.keyID == row.keyID, key.thumbprint == row.keyID
            else { return nil }
            return (row, key)
        }
    }

    /// Those of keys that are open.
    package init(of held: [SigningKeys.Held]) {
        keys = held.map { ($0.stored, $0.key.publicKey) }
    }

    /// The key set of this moment (RFC 7517), the same that the open server publishes.
    package func published(at now: Timestamp) -> JWKSet {
        let all = keys.map(\.stored)
        return JWKSet(keys: keys.filter { $0.stored.status(among: all, at: now).isPublished }.map(\.publicKey))
    }
}
