import JOSE
package import Vault

/// New values, and what becomes of old ones.
extension SecretDesk {
    /// Puts a new value, which becomes the current version at once.
    ///
    /// - Parameter ifVersion: the current version that the caller has seen, 0 for none; nil puts it whatever there is.
    /// - Returns: the definition with the new version as its current one.
    @discardableResult
    package func put(
        _ value: Secret, into name: SecretName, ifVersion: Int? = nil, by caller: Operator
    ) async throws -> VaultSecret {
        try caller.require(Self.writeScope)
        guard (1...VaultSecret.longestValue).contains(value.count) else {
            throw InvalidDocument("value", "must be 1 to \(VaultSecret.longestValue) bytes")
        }
        let changed = try await change(name, by: caller) { secret, time in
            guard secret.kind == .static || secret.kind == .generated else {
                throw SecretRefusal.conflict("the values of a secret of kind \(secret.kind.rawValue) make themselves")
            }
            if let ifVersion, ifVersion != secret.current ?? 0 {
                throw SecretRefusal.staleVersion(name, current: secret.current)
            }
            if let reason = secret.injectionRefusal(of: value) { throw InvalidDocument("value", reason) }
            let made = try self.addVersion(of: value, to: secret, at: time)
            FaultPoint.valueSealed.pass()
            return (made.secret, Entry(changes: made.changes), .secretPut, made.secret.latest)
        }
        FaultPoint.valueCommitted.pass()
        return changed
    }

    /// A new live version of a value, sealed for its place, and the definition with it as the current one. With a
    /// rotation policy the version before can be read until its grace ends.
    package func addVersion(
        of value: Secret, to secret: VaultSecret, at time: Timestamp
    ) throws -> (secret: VaultSecret, changes: [Change]) {
        let (number, overflow) = secret.latest.addingReportingOverflow(1)
        guard !overflow else { throw SecretRefusal.conflict("the secret has no version numbers left") }
        let box = try seal(value, as: number, of: secret)
        var changed = secret
        changed.latest = number
        changed.current = number
        changed.revision += 1
        let changes: [Change] = [
            .keepSecret(changed, from: secret.revision),
            .addVersion(secret.name, SecretVersion(number: number, box: box.bytes, createdAt: time)),
        ]
        return (changed, changes + superseding(secret, at: time))
    }

    /// Seals a value for a new version. Of a secret of the same name that was removed, trouble may be known at that place:
    /// it has ended.
    func seal(_ value: Secret, as number: Int, of secret: VaultSecret) throws -> SealedBox {
        let place = secret.place(of: number)
        alarm.settle(place)
        return try value.withBytes { try barrier.seal($0, at: place) }
    }

    /// What becomes of the current version when another takes its place.
    private func superseding(_ secret: VaultSecret, at time: Timestamp) -> [Change] {
        guard let grace = secret.rotation?.grace, let previous = secret.current else { return [] }
        return [.setVersion(secret.name, previous, .live, readableUntil: time.adding(seconds: grace))]
    }

    /// Deletes a version, so that it cannot be read; `undelete` brings it back. The current one when none is named.
    ///
    /// One that is pending is destroyed: brought back, it would be current although its webhook never accepted it.
    package func delete(_ name: SecretName, version: Int?, by caller: Operator) async throws {
        try caller.require(Self.writeScope)
        try await change(name, by: caller) { secret, _ in
            guard let number = version ?? secret.current else {
                throw SecretRefusal.missing("\(name) has no current version")
            }
            let old = try await self.version(number, of: name)
            switch old.state {
            case .live: return self.ending(old, of: secret, as: .deleted, .versionDeleted)
            case .pending: return self.ending(old, of: secret, as: .destroyed, .versionDestroyed)
            case .deleted, .destroyed:
                throw SecretRefusal.conflict("version \(number) is \(old.state.rawValue) already")
            }
        }
    }

    /// Brings a deleted version back; the latest one becomes the current version again. With a rotation policy any
    /// other can be read until its grace ends.
    package func undelete(_ name: SecretName, version number: Int, by caller: Operator) async throws {
        try caller.require(Self.writeScope)
        try await change(name, by: caller) { secret, time in
            let old = try await self.version(number, of: name)
            guard old.state == .deleted else {
                throw SecretRefusal.conflict("version \(number) is \(old.state.rawValue), not deleted")
            }
            var changed = secret
            changed.revision += 1
            var until = old.readableUntil ?? secret.rotation.map { time.adding(seconds: $0.grace) }
            var superseded: [Change] = []
            if number == secret.latest || secret.current == nil {
                changed.current = number
                until = nil
                superseded = self.superseding(secret, at: time)
            }
            let changes: [Change] = [
                .keepSecret(changed, from: secret.revision),
                .setVersion(secret.name, number, .live, readableUntil: until),
            ]
            return (changed, Entry(changes: changes + superseded), .versionUndeleted, number)
        }
    }

    /// Erases a version's value for good.
    package func destroy(_ name: SecretName, version number: Int, by caller: Operator) async throws {
        try caller.require(Self.writeScope)
        try await change(name, by: caller) { secret, _ in
            let old = try await self.version(number, of: name)
            guard old.state != .destroyed else {
                throw SecretRefusal.conflict("version \(number) is destroyed already")
            }
            return self.ending(old, of: secret, as: .destroyed, .versionDestroyed)
        }
    }

    /// All versions, oldest first, without their values.
    package func versions(of name: SecretName, by caller: Operator) async throws -> [SecretVersion] {
        try caller.require(Self.writeScope)
        guard registry.secrets.secret(name) != nil else { throw SecretRefusal.notFound }
        return try await store.secretVersions(of: name)
    }

    private func version(_ number: Int, of name: SecretName) async throws -> SecretVersion {
        guard let found = try await store.secretVersions(of: name).first(where: { $0.number == number }) else {
            throw SecretRefusal.missing("\(name) has no version \(number)")
        }
        return found
    }

    /// A version that is taken away. If it was the current one, there is none; if it was pending, a client's secret that
    /// it holds ends with it.
    private func ending(
        _ old: SecretVersion, of secret: VaultSecret, as state: SecretVersion.State, _ event: AuditEvent.Name
    ) -> (VaultSecret, Entry, AuditEvent.Name, Int?) {
        var changed = secret
        changed.revision += 1
        if secret.current == old.number { changed.current = nil }
        return (
            changed,
            Entry(
                changes: [
                    .keepSecret(changed, from: secret.revision),
                    .setVersion(secret.name, old.number, state, readableUntil: old.readableUntil),
                ] + registry.withdrawal(of: old.number, from: secret)), event, old.number
        )
    }

    /// One change to a secret and its versions, as a transaction on the revision that it was made from; tried again
    /// when somebody else was faster.
    @discardableResult
    func change(
        _ name: SecretName, by caller: Operator,
        _ make: (VaultSecret, Timestamp) async throws -> (VaultSecret, Entry, AuditEvent.Name, Int?)
    ) async throws -> VaultSecret {
        for _ in 0..<8 {
            let time = now()
            guard let secret = registry.secrets.secret(name) else { throw SecretRefusal.notFound }
            let (changed, made, name, version) = try await make(secret, time)
            let target = "secret/\(secret.name)" + (version.map { "/versions/\($0)" } ?? "")
            var event = caller.event(name, target: target, rule: Self.writeScope, at: time)
            let (before, after) = (secret.document, changed.document)
            event.before = before.text
            event.after = after.text
            var entry = made
            entry.audit.append(event)
            do {
                try await ledger.commit(entry)
                FaultPoint.versionChanged.pass()
                return changed
            } catch CommitFailure.stale(_) {
                continue
            } catch CommitFailure.missing(_) {
                throw SecretRefusal.notFound
            }
        }
        throw SecretRefusal.unavailable("the secret is being changed by others; try again", retryAfter: 1)
    }
}

extension AuditEvent.Name {
    package static let secretPut = Self(rawValue: "secret.put")
    package static let versionDeleted = Self(rawValue: "secret.version_deleted")
    package static let versionUndeleted = Self(rawValue: "secret.version_undeleted")
    package static let versionDestroyed = Self(rawValue: "secret.version_destroyed")
}
