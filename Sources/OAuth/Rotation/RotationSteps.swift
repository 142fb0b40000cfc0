import JOSE
import Vault

/// The steps of a rotation: prepare, announce, activate. Without a webhook there is nobody to wait for, and the first
/// and the last are one transaction.
///
/// Each step is one transaction that compares and sets the secret's definition and its plan, so that a rotation that is
/// killed anywhere goes on from there, and none happens twice.
struct RotationSteps: Sendable {
    let registry: Registry
    let alarm: BoxAlarm
    let desk: SecretDesk
    let maker: ClientSecretMaker
    let keys: SigningKeys
    let store: any Store
    let ledger: Ledger
    let courier: any EventCourier
    let now: Now

    /// Versions whose value is kept when they can be read no more, for whoever has to look back.
    static let keptVersions = 10
    private static let attempts = 16

    /// What a step works on.
    struct Work {
        let secret: VaultSecret
        let policy: SecretRotation
        let plan: RotationPlan
        let versions: [SecretVersion]
        let time: Timestamp
    }

    /// Takes a secret as far as it goes now. Only one at a time may work on a secret.
    ///
    /// - Throws: `LedgerUnavailable` when nothing can be recorded, or what storage throws.
    func advance(_ name: SecretName) async throws -> RotationOutcome {
        var announced: RotationPlan.Pending?
        for _ in 0..<Self.attempts {
            let time = now()
            guard let secret = registry.secrets.secret(name), let policy = secret.rotation,
                let plan = registry.rotations.plan(name), plan.nextAt <= time
            else { return .nothingToDo }
            do {
                let work = Work(
                    secret: secret, policy: policy, plan: plan, versions: try await store.secretVersions(of: name),
                    time: time
                )
                guard let pending = plan.pending else {
                    if policy.webhook == nil { return .rotated(try await rotate(work)) }
                    try await prepare(work)
                    continue
                }
                guard case .ready(let client) = try await readiness(of: pending, work) else {
                    try await abandon(pending, of: work)
                    continue
                }
                if let webhook = policy.webhook, announced != pending {
                    try await announce(pending, of: work, to: webhook)
                    announced = pending
                    FaultPoint.rotationAnnounced.pass()
                    // Time has passed, and the secret may have changed.
                    continue
                }
                return .rotated(try await activate(pending, client, of: work))
            } catch let failure as RotationFailure {
                return try await note(failure, of: name)
            } catch let failure as CommitFailure where failure.isRace {
                continue
            } catch let error as VaultError {
                return try await note(RotationFailure("the vault cannot seal or open: \(error)"), of: name)
            } catch SecretRefusal.conflict(let reason) {
                return try await note(RotationFailure(reason), of: name)
            }
        }
        return try await note(RotationFailure("the secret is being changed all the time"), of: name)
    }

    /// Keeps the old version, says when it is tried again, and raises the alert.
    private func note(_ failure: RotationFailure, of name: SecretName) async throws -> RotationOutcome {
        for _ in 0..<Self.attempts {
            let time = now()
            guard let secret = registry.secrets.secret(name), let plan = registry.rotations.plan(name) else {
                return .nothingToDo
            }
            let failed = plan.failed(failure.reason, after: plan.pause(), at: time)
            let event = RotationAudit.event(
                .rotationFailed, .deny, of: secret, version: plan.pending?.version,
                after: [
                    "failures": .integer(Int64(failed.failures)), "next_attempt_at": .time(failed.nextAt),
                    "current_version": secret.current.map { .integer(Int64($0)) } ?? .null,
                ],
                reason: failed.reason, at: time
            )
            do {
                try await ledger.commit(Entry(changes: [.keepRotation(failed, from: plan.revision)], audit: [event]))
                FaultPoint.rotationFailed.pass()
                return .failed(failure.reason, nextAt: failed.nextAt)
            } catch let failure as CommitFailure where failure.isRace {
                continue
            }
        }
        return .nothingToDo
    }

    /// Makes the plan agree with the policy: a new one, another interval, or none any more.
    func plan(_ name: SecretName) async throws {
        let time = now()
        guard let secret = registry.secrets.secret(name) else { return }
        var entry = Entry()
        switch (secret.rotation, registry.rotations.plan(name)) {
        case (let policy?, nil):
            entry.changes = [.keepRotation(RotationPlan(for: secret, policy, at: time), from: nil)]
        case (let policy?, let plan?):
            guard plan.every != policy.every else { return }
            entry.changes = [.keepRotation(plan.replanned(every: policy.every, at: time), from: plan.revision)]
        case (nil, let plan?):
            if let pending = plan.pending {
                var changed = secret
                changed.revision += 1
                entry.changes = [.keepSecret(changed, from: secret.revision)]
                entry.changes += try await forgetting(pending, of: secret)
                entry.audit = [
                    RotationAudit.event(
                        .rotationAbandoned, of: secret, version: pending.version,
                        reason: "the secret has no rotation policy any more", at: time)
                ]
            }
            entry.changes.append(.dropRotation(name))
        case (nil, nil): return
        }
        do {
            try await ledger.commit(entry)
            FaultPoint.rotationPlanned.pass()
        } catch let failure as CommitFailure where failure.isRace {
            // Whoever changed it rang again.
        }
    }
}

extension CommitFailure {
    /// Somebody else changed what a step was made from: look again.
    var isRace: Bool {
        switch self {
        case .stale, .missing, .exists: true
        case .spent, .overdrawn, .revoked: false
        }
    }
}
