import JOSE
package import Vault

extension SecretDesk {
    /// Brings in many values: all of them or none, in one transaction.
    ///
    /// Whoever imports learns whether a secret has the very value that he brings. So every import is in the audit
    /// trail with its names, the one that only asks what would happen too.
    ///
    /// - Returns: what was done with each value, or would be. When one is refused, nothing was done.
    /// - Throws: `InvalidDocument` when a reader is not registered, `SecretRefusal`, `LedgerUnavailable`.
    package func bringIn(_ order: SecretImport, by caller: Operator) async throws -> [ImportStep] {
        try caller.require(Self.writeScope)
        for _ in 0..<8 {
            let time = now()
            let rules = try rules(for: order.readers)
            var steps: [ImportStep] = []
            var entry = Entry()
            for item in order.items {
                let step = try await step(
                    of: item, rules: rules, overwrites: order.overwrites, asked: caller.context, at: time)
                steps.append(step.told)
                entry.changes += step.changes
                if let secret = step.after {
                    entry.audit.append(event(of: step.told, before: step.before, after: secret, by: caller, at: time))
                }
            }
            let isRefused = steps.contains { $0.action == .refused }
            if order.isDryRun || isRefused || entry.changes.isEmpty {
                entry = Entry(audit: [summary(of: steps, order, isRefused: isRefused, by: caller, at: time)])
            }
            do {
                FaultPoint.importPlanned.pass()
                try await ledger.commit(entry)
                FaultPoint.importCommitted.pass()
                return steps
            } catch CommitFailure.stale(_), CommitFailure.exists(_), CommitFailure.missing(_) {
                // Somebody changed one of them in between: look again.
                continue
            }
        }
        throw SecretRefusal.unavailable("the secrets are being changed by others; try again", retryAfter: 1)
    }

    private struct Step {
        let told: ImportStep
        var changes: [Change] = []
        var before: VaultSecret?
        var after: VaultSecret?
    }

    private func step(
        of item: SecretImport.Item, rules: [SecretRule], overwrites: Bool, asked context: RequestContext,
        at time: Timestamp
    ) async throws -> Step {
        func refused(_ reason: String) -> Step {
            Step(told: ImportStep(name: item.name, action: .refused, reason: reason))
        }
        guard let secret = registry.secrets.secret(item.name) else {
            let new = VaultSecret(name: item.name, kind: .static, rules: rules, createdAt: time)
            var made = try addVersion(of: item.value, to: new, at: time)
            made.secret.revision = new.revision
            let versions = made.changes.filter { if case .addVersion = $0 { true } else { false } }
            return Step(
                told: ImportStep(name: item.name, action: .create, version: made.secret.current),
                changes: [.keepSecret(made.secret, from: nil)] + versions, after: made.secret
            )
        }
        guard secret.kind == .static || secret.kind == .generated else {
            return refused("a secret of kind \(secret.kind.rawValue) makes its values itself")
        }
        if try await holds(item.value, secret, asked: context) {
            return Step(told: ImportStep(name: item.name, action: .unchanged, version: secret.current))
        }
        guard overwrites else { return refused("is there already with another value") }
        if let reason = secret.injectionRefusal(of: item.value) { return refused("the value " + reason) }
        let made = try addVersion(of: item.value, to: secret, at: time)
        return Step(
            told: ImportStep(name: item.name, action: .newVersion, version: made.secret.current),
            changes: made.changes, before: secret, after: made.secret
        )
    }

    /// Whether the current version is this value; compared in constant time.
    private func holds(
        _ value: Secret, _ secret: VaultSecret, asked context: RequestContext
    ) async throws -> Bool {
        guard let current = secret.current,
            let box = try await store.secretBox(of: secret.name, version: current)
        else { return false }
        do {
            return try await alarm.open(box, at: secret.place(of: current), for: .request(context)) == value
        } catch is VaultError {
            // It is reported; a new version mends it.
            return false
        }
    }

    private func rules(for readers: [ClientID]) throws -> [SecretRule] {
        let vault = registry.ownResources.vault.uri
        var rules: [SecretRule] = []
        for reader in readers {
            guard registry.client(reader) != nil else {
                throw InvalidDocument("readers", "\(reader) is not registered")
            }
            if !rules.contains(where: { $0.client == reader }) {
                rules.append(SecretRule(id: .make(), client: reader, resource: vault))
            }
        }
        return rules
    }

    private func event(
        of step: ImportStep, before: VaultSecret?, after: VaultSecret, by caller: Operator, at time: Timestamp
    ) -> AuditEvent {
        let target = "secret/\(step.name)" + (step.version.map { "/versions/\($0)" } ?? "")
        var event = caller.event(
            step.action == .create ? .secretCreated : .secretPut, target: target, rule: Self.writeScope,
            reason: "import", at: time
        )
        event.before = before?.document.text
        event.after = after.document.text
        return event
    }

    /// The one record of an import that changes nothing: who asked, and about which names.
    private func summary(
        of steps: [ImportStep], _ order: SecretImport, isRefused: Bool, by caller: Operator, at time: Timestamp
    ) -> AuditEvent {
        let counts = ImportStep.Action.allCases.map { action in
            "\(action.rawValue) \(steps.filter { $0.action == action }.count)"
        }
        var event = caller.event(
            .secretsImported, isRefused && !order.isDryRun ? .deny : .allow, target: "secrets", rule: Self.writeScope,
            reason: (order.isDryRun ? "dry run: " : "") + counts.joined(separator: ", "), at: time
        )
        let names: JSONObject = ["names": .array(steps.prefix(100).map { .string($0.name.text) })]
        event.after = names.text
        return event
    }
}

extension AuditEvent.Name {
    package static let secretsImported = Self(rawValue: "secrets.imported")
}
