import JOSE
import Revocations

/// An event on its way to one receiver: the claims of a security event token (RFC 8417), signed when it is delivered.
///
/// It is stored in the transaction of what it tells of, so that no crash comes between the two, and stays until the
/// receiver has acknowledged it.
package struct OutgoingEvent: Sendable, Equatable {
    package let receiver: ReceiverID
    /// Names the event through all attempts; sorts by time.
    package let jti: String
    /// JSON.
    package let claims: String
    package let createdAt: Timestamp

    package init(receiver: ReceiverID, jti: String, claims: String, createdAt: Timestamp) {
        self.receiver = receiver
        self.jti = jti
        self.claims = claims
        self.createdAt = createdAt
    }

    /// - Parameters:
    ///   - subject: the `sub_id` (RFC 9493).
    ///   - transaction: the same for everything that tells of one thing that happened (RFC 8417 section 2.2).
    init(
        _ type: SecurityEventType, _ content: JSONObject, about subject: JSONObject, to receiver: EventReceiver,
        from issuer: IssuerURL, transaction: String, at now: Timestamp
    ) {
        let jti = Unguessable.timeOrdered(at: now)
        let claims: JSONObject = [
            Claim.issuer: .string(issuer.text),
            Claim.issuedAt: .integer(now.seconds),
            Claim.jwtID: .string(jti),
            Claim.audience: .string(receiver.audience),
            Claim.transaction: .string(transaction),
            ReportedSubject.member: .object(subject),
            "events": .object([type.rawValue: .object(content)]),
        ]
        self.init(receiver: receiver.id, jti: jti, claims: JSON.object(claims).text, createdAt: now)
    }

    /// The signed token (RFC 8417 section 2.3).
    func signed(with keys: SigningKeys, at now: Timestamp) throws -> String {
        guard let key = keys.active(.es256, at: now) else { throw MissingSigningKey(algorithm: .es256) }
        return try key.compactJWS(type: EventIntake.type, payload: Array(claims.utf8))
    }
}

extension OutgoingEvent {
    /// What a tombstone means to those who asked for it: tokens have ended, or a key has.
    static func all(of revocation: Revocation, in registry: Registry, at now: Timestamp) -> [OutgoingEvent] {
        let type: SecurityEventType = revocation.kind == .key ? .credentialChange : .sessionRevoked
        var content: JSONObject = ["event_timestamp": .integer(revocation.issuedBefore)]
        if type == .credentialChange {
            content["credential_type"] = "signing-key"
            content["change_type"] = "revoke"
        }
        if let reason = revocation.reason { content["reason_admin"] = .object(["en": .string(reason)]) }
        return all(type, content, about: { subject(of: revocation, in: registry) }, in: registry, at: now)
    }

    /// One event for each receiver that asked for this type.
    static func all(
        _ type: SecurityEventType, _ content: JSONObject, about subject: () -> JSONObject, in registry: Registry,
        at now: Timestamp
    ) -> [OutgoingEvent] {
        let receivers = registry.eventReceivers.filter { $0.enabled && $0.events.contains(type) }
        guard !receivers.isEmpty else { return [] }
        let subject = subject()
        let transaction = Unguessable.text(bytes: 10)
        return receivers.map { receiver in
            OutgoingEvent(
                type, content, about: subject, to: receiver, from: registry.issuer, transaction: transaction, at: now
            )
        }
    }

    /// RFC 9493: a user by their own issuer, a client by us, a token by its `jti`; whatever no format of the standard
    /// names is opaque, `KIND/ID`.
    private static func subject(of revocation: Revocation, in registry: Registry) -> JSONObject {
        switch revocation.kind {
        case .token:
            return ["format": "jwt_id", "iss": .string(registry.issuer.text), "jti": .string(revocation.id)]
        case .client:
            return ["format": "iss_sub", "iss": .string(registry.issuer.text), "sub": .string(revocation.id)]
        case .subject:
            if let user = UserSubject(claim: revocation.id), let issuer = registry.issuer(user.issuer) {
                return ["format": "iss_sub", "iss": .string(issuer.url.text), "sub": .string(user.subject)]
            }
        case .agent, .task, .session, .delegation, .issuer, .key: break
        }
        return ["format": "opaque", "id": .string("\(revocation.kind.rawValue)/\(revocation.id)")]
    }
}
