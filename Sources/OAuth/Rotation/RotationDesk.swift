package import JOSE
import Vault

/// Where rotations are asked for and looked at.
package struct RotationDesk: Sendable {
    package let tallies: RotationTallies
    /// Does what is due.
    package let scheduler: RotationScheduler
    private let steps: RotationSteps
    private let desk: SecretDesk
    private let registry: Registry
    private let ledger: Ledger
    private let now: Now

    /// For how long somebody who asks waits for a rotation that is already under way.
    private static let patience = Duration.seconds(10)

    init(steps: RotationSteps) {
        self.steps = steps
        tallies = RotationTallies()
        scheduler = RotationScheduler(steps: steps, tallies: tallies)
        desk = steps.desk
        registry = steps.registry
        ledger = steps.ledger
        now = steps.now
    }

    /// Secrets that should have rotated by now.
    package var overdue: Int { registry.rotations.overdue(at: now()) }

    /// Makes a rotation due now, and goes through its steps. That it was asked for is durable before the first step:
    /// when the process is killed, the next start does it.
    ///
    /// Whoever manages secrets may ask, and a client for its own secret when it may read it: then its token opens the
    /// old value and the new one alike, so that asking gives it nothing that it does not have.
    ///
    /// - Returns: the secret as it is then, and how the attempt ended.
    /// - Throws: `SecretRefusal.notFound` also for whoever may not know of the secret; `.conflict` when it has no
    ///   rotation policy.
    package func rotateNow(
        _ name: SecretName, by caller: Operator
    ) async throws -> (secret: VaultSecret, outcome: RotationOutcome) {
        let rule = try await authorize(name, caller)
        guard let secret = registry.secrets.secret(name) else { throw SecretRefusal.notFound }
        guard secret.rotation != nil else {
            throw SecretRefusal.conflict("the secret has no rotation policy")
        }
        if registry.rotations.plan(name) == nil { try await steps.plan(name) }
        let time = now()
        let event = caller.event(.rotationRequested, target: "secret/\(name)", rule: rule, at: time)
        try await ledger.commit(Entry(changes: [.hastenRotation(name, at: time)], audit: [event]))
        FaultPoint.rotationRequested.pass()
        let outcome = try await work(on: name, since: secret)
        return (registry.secrets.secret(name) ?? secret, outcome)
    }

    /// Gives a secret that was just defined its first value, when it makes its values itself and has none yet: whoever
    /// defined it sees what became of that. What does not work out stays due, and the schedule tries it again.
    ///
    /// - Returns: the secret as it is then, and what else there is to tell: how it stands with its rotation, and when
    ///   the secret ends that the client had before.
    package func begin(_ secret: VaultSecret) async -> (secret: VaultSecret, more: JSONObject) {
        let name = secret.name
        guard secret.rotation != nil, secret.current == nil else { return (secret, [:]) }
        do {
            if registry.rotations.plan(name) == nil { try await steps.plan(name) }
            _ = try await work(on: name, since: secret)
        } catch {
            // It is defined all the same.
        }
        let defined = registry.secrets.secret(name) ?? secret
        var more: JSONObject = ["rotation_state": document(of: name).map { .object($0) } ?? .null]
        if defined.current != nil, let client = defined.client.flatMap({ registry.client($0) }) {
            more["previous_secret_expires_at"] = .time(client.secrets.dropFirst().first?.expiresAt)
        }
        return (defined, more)
    }

    private func authorize(_ name: SecretName, _ caller: Operator) async throws -> String {
        if caller.token.scopes.contains(SecretDesk.writeScope) { return SecretDesk.writeScope }
        guard caller.token.scopes.contains(SecretDesk.readScope) else {
            try caller.require(SecretDesk.writeScope)
            return SecretDesk.writeScope
        }
        let holder = desk.holder(of: caller.token)
        guard let secret = registry.secrets.secret(name), secret.client == holder.client, holder.user == nil,
            let rule = secret.rule(admitting: holder)
        else {
            throw try await desk.refuse(
                name, holder, rule: "secret_rotation", "only the client whose secret it is may rotate it",
                in: caller.context, at: now()
            )
        }
        return rule.id.text
    }

    private func work(on name: SecretName, since before: VaultSecret) async throws -> RotationOutcome {
        let book = registry.rotations
        let deadline = ContinuousClock.now + Self.patience
        while true {
            let rings = book.bell.rings
            if book.begin(name) {
                defer { book.settle(name) }
                let outcome = try await steps.advance(name)
                tallies.add(outcome)
                return outcome == .nothingToDo ? state(of: name, since: before) : outcome
            }
            let rest = deadline - ContinuousClock.now
            guard rest > .zero else { return state(of: name, since: before) }
            await book.bell.wait(after: rings, atMost: rest)
            try Task.checkCancellation()
        }
    }

    /// What the schedule has made of it in the meantime.
    private func state(of name: SecretName, since before: VaultSecret) -> RotationOutcome {
        guard let secret = registry.secrets.secret(name) else { return .nothingToDo }
        if secret.current != before.current { return .rotated(secret) }
        guard let plan = registry.rotations.plan(name) else { return .nothingToDo }
        return .failed(plan.reason ?? "the rotation is under way", nextAt: plan.nextAt)
    }

    /// How it stands with a secret's rotation, for those who manage secrets.
    package func document(of name: SecretName) -> JSONObject? {
        registry.rotations.plan(name)?.document
    }
}
