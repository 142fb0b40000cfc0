package import JOSE

/// A tombstone: tokens with `iat ≤ issuedBefore` that carry the id are dead.
///
/// It is committed before the revoking call is answered, and forgotten once no live token can carry the id.
package struct Revocation: Sendable, Equatable {
    /// What is revoked. The raw value is the word of the API.
    package enum Kind: String, Sendable, CaseIterable {
        case client, agent, task, session, delegation, subject, issuer, key, token
    }

    /// Grows by one with each tombstone; zero until the ledger has committed it.
    package var sequence: Int64
    package let kind: Kind
    package let id: String
    /// Whole seconds since 1970, like `iat`.
    package var issuedBefore: Int64
    /// Whole seconds since 1970.
    package var expires: Int64
    package let reason: String?

    package init(
        sequence: Int64 = 0, kind: Kind, id: String, issuedBefore: Int64, expires: Int64, reason: String? = nil
    ) {
        self.sequence = sequence
        self.kind = kind
        self.id = id
        self.issuedBefore = issuedBefore
        self.expires = expires
        self.reason = reason
    }
}

/// As it stands in the admin API and in the feed.
extension Revocation {
    package var document: JSONObject {
        [
            "seq": .integer(sequence),
            "kind": .string(kind.rawValue),
            "id": .string(id),
            "issued_before": .string(RFC3339Time.format(seconds: issuedBefore)),
            "expires": .string(RFC3339Time.format(seconds: expires)),
            "reason": reason.map(JSON.string) ?? .null,
        ]
    }

    /// Reads what `document` writes.
    ///
    /// - Throws: `JWTError.badClaim` when a member is missing or malformed.
    package init(_ document: JSONObject) throws(JWTError) {
        func required<Value>(_ name: String, _ value: Value?) throws(JWTError) -> Value {
            guard let value else { throw .badClaim("entries.\(name)") }
            return value
        }
        self.init(
            sequence: try required("seq", document["seq"]?.integer),
            kind: try required("kind", document["kind"]?.string.flatMap(Kind.init(rawValue:))),
            id: try required("id", document["id"]?.string),
            issuedBefore: try required(
                "issued_before", document["issued_before"]?.string.flatMap(RFC3339Time.parse(seconds:))),
            expires: try required("expires", document["expires"]?.string.flatMap(RFC3339Time.parse(seconds:))),
            reason: document["reason"]?.string
        )
    }
}
