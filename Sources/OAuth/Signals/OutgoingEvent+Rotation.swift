import JOSE

/// What receivers are told of a rotation: which credential is another one now (CAEP section 3.3), never the credential.
extension OutgoingEvent {
    /// A secret of the vault has a new current version.
    static func all(ofRotated secret: VaultSecret, in registry: Registry, at now: Timestamp) -> [OutgoingEvent] {
        all(
            .credentialChange, rotated("vault-secret", at: now),
            about: { ["format": "opaque", "id": .string("secret/\(secret.name)")] }, in: registry, at: now
        )
    }

    /// A client has a new secret.
    static func all(ofRotated client: Client, in registry: Registry, at now: Timestamp) -> [OutgoingEvent] {
        all(
            .credentialChange, rotated("client-secret", at: now),
            about: {
                ["format": "iss_sub", "iss": .string(registry.issuer.text), "sub": .string(client.id.text)]
            }, in: registry, at: now
        )
    }

    private static func rotated(_ type: JSON, at now: Timestamp) -> JSONObject {
        ["event_timestamp": .integer(now.seconds), "credential_type": type, "change_type": "update"]
    }
}
