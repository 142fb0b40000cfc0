package import JOSE

/// A statement, signed by Legate, of where the trail ended at some moment.
///
/// It is a compact JWS (RFC 7515) of type `audit-checkpoint+jwt`. Kept outside the database, it makes visible that
/// records were cut off or that the whole chain was written anew.
package struct AuditCheckpoint: Sendable, Equatable {
    /// The `typ` of a checkpoint's header; no other token of Legate can pass for one.
    package static let type = "audit-checkpoint+jwt"

    /// The issuer that signed (`iss`).
    package let issuer: String
    /// When it signed, in seconds since 1970 (`iat`).
    package let issuedAt: Int64
    /// Where the trail ended (`seq`, `hash`).
    package let head: AuditHead
    /// How many records the export or archive has that this checkpoint closes (`records`); `nil` when it closes none.
    package let records: Int64?

    /// Signs a checkpoint.
    ///
    /// - Parameters:
    ///   - head: where the trail ends.
    ///   - issuer: our issuer URL.
    ///   - now: milliseconds since 1970.
    ///   - key: one of Legate's signing keys.
    ///   - records: how many records precede the checkpoint in the file that it closes.
    /// - Returns: the compact JWS.
    package static func make(
        head: AuditHead, issuer: String, now: Int64, key: SigningKey, records: Int? = nil
    ) throws -> String {
        var writer = JSONWriter(capacity: 256)
        writer.beginObject()
        writer.member("iss", issuer)
        writer.member("iat", now / 1_000)
        writer.member("seq", head.sequence)
        writer.member("hash", Base64URL.encode(head.hash))
        if let records { writer.member("records", Int64(records)) }
        writer.endObject()
        return try key.compactJWS(type: type, payload: writer.bytes)
    }

    /// Reads a checkpoint and checks its signature.
    ///
    /// - Parameters:
    ///   - compact: the compact JWS.
    ///   - keys: the keys of the server that made it.
    ///   - issuer: who must have made it; `nil` accepts anyone who holds one of the keys.
    /// - Throws: the JOSE error when signature, type or algorithm are not acceptable; `VaultError.malformedCheckpoint`
    ///   when the payload is not.
    package init(verifying compact: String, keys: JWKSet, issuer: String?) throws {
        let verified = try UnverifiedJWT(compact).verified(with: keys, types: .exactly(Self.type))
        try self.init(claims: verified.claims)
        if let issuer, issuer != self.issuer {
            throw VaultError.malformedCheckpoint("as it was signed by another issuer")
        }
    }

    /// Reads a checkpoint without checking its signature: it then proves no more than the records themselves do.
    package init(unverified compact: String) throws {
        try self.init(claims: UnverifiedJWT(compact).claims)
    }

    private init(claims: JSONObject) throws(VaultError) {
        guard case .string(let issuer) = claims["iss"] else { throw .malformedCheckpoint("as it has no issuer") }
        guard case .integer(let issuedAt) = claims["iat"] else { throw .malformedCheckpoint("as it has no time") }
        guard case .integer(let sequence) = claims["seq"], sequence >= 0 else {
            throw .malformedCheckpoint("as it names no record")
        }
        guard case .string(let text) = claims["hash"], let hash = Base64URL.decode(text), hash.count == 32 else {
            throw .malformedCheckpoint("as it has no hash of 32 bytes")
        }
        switch claims["records"] {
        case nil: records = nil
        case .integer(let count) where count >= 0: records = count
        default: throw .malformedCheckpoint("as its number of records is none")
        }
        self.issuer = issuer
        self.issuedAt = issuedAt
        head = AuditHead(sequence: sequence, hash: hash)
    }
}
