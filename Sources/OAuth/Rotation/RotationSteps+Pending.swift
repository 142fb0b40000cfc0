import Vault

/// What becomes of a version that is made but not current yet.
extension RotationSteps {
    /// What is to be changed for a client's secret, beside the vault.
    struct ClientChange {
        let client: Client
        let previousEnds: Timestamp?
        let change: Change
    }

    /// What has become of a pending version.
    enum Readiness {
        /// It can become current.
        case ready(ClientChange?)
        /// It was deleted, overtaken by a newer value, or dropped by the client whose secret it is.
        case lost
    }

    /// Whether a pending version can still become current; with what that changes for the client whose secret it is.
    ///
    /// - Throws: `VaultError` when it does not open. Then it stays as it is, for whoever looks into it.
    func readiness(of pending: RotationPlan.Pending, _ work: Work) async throws -> Readiness {
        guard work.versions.contains(where: { $0.number == pending.version && $0.state == .pending }),
            work.secret.current.map({ $0 < pending.version }) ?? true,
            let value = try await value(of: pending, work.secret)
        else { return .lost }
        guard work.secret.kind == .client else { return .ready(nil) }
        let client = try client(of: work.secret)
        let digest = digest(of: value, client.id)
        guard client.secrets.contains(where: { $0.digest == digest }) else { return .lost }
        let (changed, ends) = client.rotated(to: digest, grace: work.policy.grace, at: work.time)
        return .ready(
            ClientChange(client: changed, previousEnds: ends, change: .update(.client(changed), from: client.revision))
        )
    }

    /// Does away with a version that is not to become current any more.
    func abandon(_ pending: RotationPlan.Pending, of work: Work) async throws {
        var changed = work.secret
        changed.revision += 1
        let changes =
            [.keepSecret(changed, from: work.secret.revision)] + (try await forgetting(pending, of: work.secret))
            + [.keepRotation(work.plan.abandoned(), from: work.plan.revision)]
        let isOvertaken = work.secret.current.map { $0 > pending.version } ?? false
        let event = RotationAudit.event(
            .rotationAbandoned, of: changed, version: pending.version,
            reason: isOvertaken ? "a newer value was put in" : "the version that was made is not there any more",
            at: work.time
        )
        try await ledger.commit(Entry(changes: changes, audit: [event]))
        FaultPoint.rotationAbandoned.pass()
    }

    /// Erases a pending version, and takes the secret that it holds from the client again. One that does not open is
    /// evidence: it stays, and nobody can read it.
    func forgetting(_ pending: RotationPlan.Pending, of secret: VaultSecret) async throws -> [Change] {
        var changes: [Change] = []
        let versions = try await store.secretVersions(of: secret.name)
        if versions.contains(where: { $0.number == pending.version && $0.state == .pending }) {
            do {
                _ = try await value(of: pending, secret)
                changes.append(.setVersion(secret.name, pending.version, .destroyed, readableUntil: nil))
            } catch is VaultError {
                changes.append(.setVersion(secret.name, pending.version, .pending, readableUntil: now()))
            }
        }
        return changes + registry.withdrawal(of: pending, from: secret)
    }

    /// The value of a pending version; nil when it has none any more. One that does not open is reported.
    private func value(of pending: RotationPlan.Pending, _ secret: VaultSecret) async throws -> Secret? {
        guard let box = try await store.secretBox(of: secret.name, version: pending.version) else { return nil }
        return try await alarm.open(
            box, at: secret.place(of: pending.version), for: .work("rotation schedule"))
    }

    private func digest(of value: Secret, _ client: ClientID) -> [UInt8] {
        value.withBytes { maker.digest(of: String(decoding: $0, as: UTF8.self), client) }
    }
}
