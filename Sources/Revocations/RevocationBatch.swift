package import JOSE

/// Tombstones in order, as one signed link of the feed's chain.
///
/// It says everything that was revoked after the sequence number `after` and up to `next`. A consumer that holds
/// everything up to `after` holds everything up to `next` once it has taken the entries; one that holds less has
/// missed something. A batch without entries is a heartbeat: all is still as it was.
package struct RevocationBatch: Sendable, Equatable {
    /// The `typ` of its JWS.
    package static let type = "revocations+jwt"

    package let issuer: String
    /// Whole seconds since 1970.
    package let issuedAt: Int64
    package let after: Int64
    package let next: Int64
    /// Base64url of the SHA-256 of the preceding batch's JWS; nil in the first one after a start of the server, and in
    /// heartbeats and snapshots, which are no links.
    package let previous: String?
    package let entries: [Revocation]

    package init(
        issuer: String, issuedAt: Int64, after: Int64, next: Int64, previous: String? = nil, entries: [Revocation] = []
    ) {
        self.issuer = issuer
        self.issuedAt = issuedAt
        self.after = after
        self.next = next
        self.previous = previous
        self.entries = entries
    }

    /// The payload of the JWS.
    package var payload: [UInt8] {
        var document: JSONObject = [
            "iss": .string(issuer), "iat": .integer(issuedAt), "after": .integer(after), "next": .integer(next),
        ]
        if let previous { document["previous"] = .string(previous) }
        document["entries"] = .array(entries.map { .object($0.document) })
        return document.serialized
    }

    /// Reads a batch whose signature was verified with one of the issuer's keys.
    ///
    /// - Throws: `JWTError.badClaim` when a member is missing, or the entries are not within `after` and `next` in
    ///   order.
    package init(_ jwt: VerifiedJWT) throws(JWTError) {
        guard let issuer = try jwt.string("iss") else { throw .badClaim("iss") }
        guard let issuedAt = try jwt.time("iat") else { throw .badClaim("iat") }
        guard let after = jwt.claims["after"]?.integer, after >= 0 else { throw .badClaim("after") }
        guard let next = jwt.claims["next"]?.integer, next >= after else { throw .badClaim("next") }
        guard case .array(let elements)? = jwt.claims["entries"] else { throw .badClaim("entries") }
        var entries: [Revocation] = []
        var last = after
        for element in elements {
            guard let object = element.object else { throw .badClaim("entries") }
            let entry = try Revocation(object)
            guard entry.sequence > last, entry.sequence <= next else { throw .badClaim("entries.seq") }
            last = entry.sequence
            entries.append(entry)
        }
        self.init(
            issuer: issuer, issuedAt: issuedAt, after: after, next: next, previous: try jwt.string("previous"),
            entries: entries
        )
    }
}
