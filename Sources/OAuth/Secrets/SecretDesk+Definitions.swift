package import JOSE
package import Vault

/// What a secret is, and who may have it.
extension SecretDesk {
    private func context(at time: Timestamp) -> RegistryContext { RegistryContext(registry: registry, now: time) }

    /// The definition, for those who manage secrets.
    package func show(_ name: SecretName, to caller: Operator) throws -> VaultSecret {
        try caller.require(Self.writeScope)
        guard let secret = registry.secrets.secret(name) else { throw SecretRefusal.notFound }
        return secret
    }

    /// Defines a new secret, with its first value when there is one: both or neither.
    ///
    /// - Throws: `SecretRefusal.exists` when the name is taken, `InvalidDocument`.
    package func create(
        _ name: SecretName, from draft: JSONObject, value: Secret? = nil, by caller: Operator
    ) async throws -> VaultSecret {
        try caller.require(Self.writeScope)
        let time = now()
        var secret = try VaultSecret(creating: draft, named: name, in: context(at: time))
        if let taken = taken(secret) { throw taken }
        var changes: [Change] = []
        if let value = value ?? firstValue(of: secret) {
            guard secret.kind == .static || secret.kind == .generated else {
                throw InvalidDocument("value", "is for secrets of kind static or generated")
            }
            guard (1...VaultSecret.longestValue).contains(value.count) else {
                throw InvalidDocument("value", "must be 1 to \(VaultSecret.longestValue) bytes")
            }
            if let reason = secret.injectionRefusal(of: value) { throw InvalidDocument("value", reason) }
            secret.latest = 1
            secret.current = 1
            let box = try seal(value, as: 1, of: secret)
            changes.append(.addVersion(name, SecretVersion(number: 1, box: box.bytes, createdAt: time)))
        }
        var event = caller.event(.secretCreated, target: "secret/\(name)", rule: Self.writeScope, at: time)
        event.after = secret.document.text
        do {
            try await ledger.commit(Entry(changes: [.keepSecret(secret, from: nil)] + changes, audit: [event]))
        } catch CommitFailure.exists(_) {
            throw taken(secret) ?? .exists(name)
        }
        FaultPoint.definitionChanged.pass()
        return secret
    }

    /// Why a new secret cannot be: its name is taken, or its client's secret is kept elsewhere. Nil when it can.
    private func taken(_ secret: VaultSecret) -> SecretRefusal? {
        if registry.secrets.secret(secret.name) != nil { return .exists(secret.name) }
        guard let client = secret.client, let other = registry.rotations.secret(of: client) else { return nil }
        return .conflict("client_id: the secret of \(client) is kept at \(other)")
    }

    /// What a secret that makes its values itself begins with, unless somebody has to be told first.
    private func firstValue(of secret: VaultSecret) -> Secret? {
        guard secret.kind == .generated, let policy = secret.rotation, policy.webhook == nil else { return nil }
        return GeneratedValue.generate(bytes: policy.length)
    }

    /// Merges a patch (RFC 7396) into the definition.
    ///
    /// - Parameter revision: the revision that the caller has seen, from `If-Match`.
    package func update(
        _ name: SecretName, patch: JSONObject, ifRevision revision: Int?, by caller: Operator
    ) async throws -> VaultSecret {
        try caller.require(Self.writeScope)
        return try await change(name, by: caller) { secret, time in
            if let revision, revision != secret.revision { throw SecretRefusal.stale(name) }
            var changed = try secret.replaced(by: secret.draft.merging(patch: patch), in: self.context(at: time))
            changed.revision += 1
            return (changed, Entry(changes: [.keepSecret(changed, from: secret.revision)]), .secretUpdated, nil)
        }
    }

    /// Removes a secret with all its versions. Its leases end, and so does a client's secret that is pending in it.
    package func remove(_ name: SecretName, ifRevision revision: Int?, by caller: Operator) async throws {
        try caller.require(Self.writeScope)
        for _ in 0..<8 {
            let time = now()
            guard let secret = registry.secrets.secret(name) else { throw SecretRefusal.notFound }
            if let revision, revision != secret.revision { throw SecretRefusal.stale(name) }
            var event = caller.event(.secretRemoved, target: "secret/\(name)", rule: Self.writeScope, at: time)
            event.before = secret.document.text
            var changes: [Change] = [
                .dropSecret(name), .endLeases(of: name, at: time, reason: "the secret was removed"),
            ]
            if let pending = registry.rotations.plan(name)?.pending {
                changes += registry.withdrawal(of: pending, from: secret)
            }
            do {
                try await ledger.commit(Entry(changes: changes, audit: [event]))
                FaultPoint.definitionChanged.pass()
                return
            } catch CommitFailure.stale(_) {
                continue
            } catch CommitFailure.missing(_) {
                throw SecretRefusal.notFound
            }
        }
        throw SecretRefusal.unavailable("the secret's client is being changed by others; try again", retryAfter: 1)
    }

    /// Lets somebody in: adds one rule. The same rule twice is one.
    package func allow(
        _ name: SecretName, rule draft: JSONObject, by caller: Operator
    ) async throws -> (secret: VaultSecret, rule: SecretRule) {
        try caller.require(Self.writeScope)
        let rule = try SecretRule(creating: draft, in: context(at: now()))
        let changed = try await change(name, by: caller) { secret, _ in
            // With one rule for others, the account would be for nobody.
            if let owner = self.registry.connections.connection(name)?.owner, rule.subject != owner {
                throw InvalidDocument("subject", "must be \(owner): the account is that user's own")
            }
            guard secret.rules.count < VaultSecret.mostRules else {
                throw SecretRefusal.conflict("a secret has at most \(VaultSecret.mostRules) rules")
            }
            var changed = secret
            if !secret.rules.contains(where: { $0.isSame(as: rule) }) { changed.rules.append(rule) }
            changed.revision += 1
            return (changed, Entry(changes: [.keepSecret(changed, from: secret.revision)]), .secretAllowed, nil)
        }
        return (changed, changed.rules.first { $0.isSame(as: rule) } ?? rule)
    }

    /// Removes the rules that `matches` names.
    ///
    /// - Throws: `SecretRefusal.missing` when there is none.
    package func disallow(
        _ name: SecretName, where matches: @Sendable (SecretRule) -> Bool, by caller: Operator
    ) async throws -> VaultSecret {
        try caller.require(Self.writeScope)
        return try await change(name, by: caller) { secret, _ in
            var changed = secret
            changed.rules.removeAll(where: matches)
            guard changed.rules.count < secret.rules.count else {
                throw SecretRefusal.missing("no rule of \(secret.name) is what you named: show lists them")
            }
            changed.revision += 1
            return (changed, Entry(changes: [.keepSecret(changed, from: secret.revision)]), .secretDisallowed, nil)
        }
    }
}

extension SecretRule {
    /// Whether the other one lets in the same, whatever its name.
    func isSame(as other: SecretRule) -> Bool {
        client == other.client && subject == other.subject && scope == other.scope && resource == other.resource
    }
}

extension AuditEvent.Name {
    package static let secretCreated = Self(rawValue: "secret.created")
    package static let secretUpdated = Self(rawValue: "secret.updated")
    package static let secretRemoved = Self(rawValue: "secret.removed")
    package static let secretAllowed = Self(rawValue: "secret.allowed")
    package static let secretDisallowed = Self(rawValue: "secret.disallowed")
}
