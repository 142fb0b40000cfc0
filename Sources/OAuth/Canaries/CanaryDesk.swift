package import JOSE
package import Vault

/// Where canaries are made, listed and taken away again.
package struct CanaryDesk: Sendable {
    private let registry: Registry
    private let keys: SigningKeys
    private let digests: DigestKey
    private let ledger: Ledger
    private let now: Now

    /// Beyond this nobody can know any more where they all are.
    package static let most = 10_000

    init(registry: Registry, keys: SigningKeys, digests: DigestKey, ledger: Ledger, now: @escaping Now) {
        self.registry = registry
        self.keys = keys
        self.digests = digests
        self.ledger = ledger
        self.now = now
    }

    /// Makes a look-alike, which is shown this once.
    ///
    /// - Parameter document: `kind`, and in `where` the words by which the alarm will name the place.
    package func plant(
        _ document: JSONObject, by caller: Operator
    ) async throws -> (canary: Canary, lookAlike: LookAlike) {
        try caller.require(SecretDesk.writeScope)
        let draft = try CanaryDraft(document)
        guard registry.canaries.count < Self.most else {
            throw SecretRefusal.conflict("there are \(Self.most) canaries already: remove some first")
        }
        let time = now()
        let vault = registry.ownResources.vault
        let lookAlike = try LookAlike.make(
            draft.kind, issuer: registry.issuer, keyID: keys.active(.es256, at: time)?.keyID, audience: vault.uri,
            scopes: vault.scopes, at: time
        )
        let canary = Canary(
            id: .make(), kind: draft.kind, digest: CanaryWatch.digest(of: lookAlike.value, with: digests),
            plantedIn: draft.plantedIn, createdAt: time
        )
        var event = caller.event(
            .canaryPlanted, target: "canary/\(canary.id)", rule: SecretDesk.writeScope, at: time
        )
        event.after = canary.document.text
        try await ledger.commit(Entry(changes: [.plant(canary)], audit: [event]))
        return (canary, lookAlike)
    }

    /// What is planted, by id.
    package func list(after cursor: CanaryID?, limit: Int, by caller: Operator) throws -> [Canary] {
        try caller.require(SecretDesk.writeScope)
        return registry.canaries.page(after: cursor, limit: limit)
    }

    /// Forgets a canary: from now on its look-alike is a bad credential like any other.
    ///
    /// - Throws: `SecretRefusal.missing` when there is none.
    package func remove(_ id: CanaryID, by caller: Operator) async throws {
        try caller.require(SecretDesk.writeScope)
        guard let canary = registry.canaries.canary(id) else {
            throw SecretRefusal.missing("there is no canary \(id)")
        }
        var event = caller.event(.canaryRemoved, target: "canary/\(id)", rule: SecretDesk.writeScope, at: now())
        event.before = canary.document.text
        do {
            try await ledger.commit(Entry(changes: [.unplant(id)], audit: [event]))
        } catch CommitFailure.missing(_) {
            throw SecretRefusal.missing("there is no canary \(id)")
        }
    }
}

extension AuditEvent.Name {
    package static let canaryPlanted = Self(rawValue: "canary.planted")
    package static let canaryRemoved = Self(rawValue: "canary.removed")
    package static let canaryUsed = Self(rawValue: "canary.used")
}
