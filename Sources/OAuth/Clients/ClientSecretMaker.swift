import Vault

/// Makes new client secrets: the digest for the registry and, when the vault keeps the client's secret, its value as a
/// new version there. Both are changes of one transaction, so that the two can never tell of different secrets.
package struct ClientSecretMaker: Sendable {
    private let registry: Registry
    private let digests: DigestKey
    private let desk: SecretDesk

    init(registry: Registry, digests: DigestKey, desk: SecretDesk) {
        self.registry = registry
        self.digests = digests
        self.desk = desk
    }

    /// A new secret, shown once, and what it changes.
    struct Made {
        let client: Client
        let secret: String
        let previousEnds: Timestamp?
        let changes: [Change]
    }

    /// Makes a client's next secret. With a grace, the one that is current works on for that many seconds.
    func make(for client: Client, grace: Int, at now: Timestamp) throws -> Made {
        let secret = ClientSecret.generate()
        let (changed, ends) = client.rotated(to: digest(of: secret, client.id), grace: grace, at: now)
        var changes: [Change] = [.update(.client(changed), from: client.revision)]
        changes += OutgoingEvent.all(ofRotated: changed, in: registry, at: now).map(Change.enqueue)
        if let name = registry.rotations.secret(of: client.id), let kept = registry.secrets.secret(name) {
            changes += try desk.addVersion(of: Secret(Array(secret.utf8)), to: kept, at: now).changes
            if let plan = registry.rotations.plan(name), let policy = kept.rotation {
                // A version that was still to be announced is overtaken by this one.
                if let pending = plan.pending {
                    changes.append(.setVersion(name, pending.version, .destroyed, readableUntil: nil))
                }
                changes.append(.keepRotation(plan.rotated(under: policy, at: now), from: plan.revision))
            }
        }
        return Made(client: changed, secret: secret, previousEnds: ends, changes: changes)
    }

    func digest(of secret: String, _ client: ClientID) -> [UInt8] {
        digests.digest(of: secret, context: client.text)
    }
}
