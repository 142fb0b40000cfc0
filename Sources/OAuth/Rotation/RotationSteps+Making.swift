import JOSE
import Vault

/// New values on their way to becoming current.
extension RotationSteps {
    // MARK: In one step

    func rotate(_ work: Work) async throws -> VaultSecret {
        var changes: [Change]
        let rotated: VaultSecret
        var events: [AuditEvent] = []
        switch work.secret.kind {
        case .generated:
            let made = try desk.addVersion(
                of: GeneratedValue.generate(bytes: work.policy.length), to: work.secret, at: work.time)
            rotated = made.secret
            changes = made.changes
            changes.append(
                .keepRotation(work.plan.rotated(under: work.policy, at: work.time), from: work.plan.revision))
            changes += OutgoingEvent.all(ofRotated: rotated, in: registry, at: work.time).map(Change.enqueue)
        case .client:
            let client = try client(of: work.secret)
            let made = try maker.make(for: client, grace: work.policy.grace, at: work.time)
            changes = made.changes
            rotated =
                changes.lazy.compactMap { change -> VaultSecret? in
                    if case .keepSecret(let secret, from: _) = change { secret } else { nil }
                }.first ?? work.secret
            events = [RotationAudit.event(ofClient: client.id, previousEnds: made.previousEnds, at: work.time)]
        case .static, .oauth: throw RotationFailure("a secret of kind \(work.secret.kind.rawValue) does not rotate")
        }
        changes += outdated(work, after: rotated)
        FaultPoint.rotationSealed.pass()
        try await ledger.commit(Entry(changes: changes, audit: [Self.event(of: rotated, work)] + events))
        FaultPoint.rotationActivated.pass()
        return rotated
    }

    // MARK: In three

    /// Makes the next version and seals it. A client's new secret is accepted from here on, so that whoever puts it in
    /// place before he answers does not shut the client out; nobody has it who did not read this version.
    func prepare(_ work: Work) async throws {
        let (number, overflow) = work.secret.latest.addingReportingOverflow(1)
        guard !overflow else { throw RotationFailure("the secret has no version numbers left") }
        var changes: [Change] = []
        let value: Secret
        var digest: [UInt8]?
        switch work.secret.kind {
        case .generated: value = GeneratedValue.generate(bytes: work.policy.length)
        case .client:
            var client = try client(of: work.secret)
            let text = ClientSecret.generate()
            value = Secret(Array(text.utf8))
            let revision = client.revision
            client.revision += 1
            let current = client.secrets.prefix(1)
            client.secrets = Array(current) + client.secrets.dropFirst().filter { $0.isLive(at: work.time) }
            let made = maker.digest(of: text, client.id)
            client.secrets.append(client.digest(made, at: work.time))
            digest = made
            changes.append(.update(.client(client), from: revision))
        case .static, .oauth: throw RotationFailure("a secret of kind \(work.secret.kind.rawValue) does not rotate")
        }
        let box = try desk.seal(value, as: number, of: work.secret)
        var changed = work.secret
        changed.latest = number
        changed.revision += 1
        let pending = RotationPlan.Pending(
            version: number, announcement: Unguessable.timeOrdered(at: work.time), digest: digest)
        changes += [
            .keepSecret(changed, from: work.secret.revision),
            .addVersion(
                changed.name, SecretVersion(number: number, state: .pending, box: box.bytes, createdAt: work.time)),
            .keepRotation(work.plan.prepared(pending, at: work.time), from: work.plan.revision),
        ]
        let event = RotationAudit.event(.rotationPrepared, of: changed, version: number, at: work.time)
        FaultPoint.rotationSealed.pass()
        try await ledger.commit(Entry(changes: changes, audit: [event]))
        FaultPoint.rotationPrepared.pass()
    }

    /// Tells the webhook, which must agree.
    func announce(_ pending: RotationPlan.Pending, of work: Work, to webhook: String) async throws {
        let announcement = RotationAnnouncement(
            secret: work.secret, pending: pending, policy: work.policy, webhook: webhook)
        let token: String
        do {
            token = try announcement.signed(with: keys, issuer: registry.issuer, at: work.time)
        } catch {
            throw RotationFailure("the announcement cannot be signed: \(error)")
        }
        let answer: PushAnswer
        do throws(FetchError) {
            answer = try await courier.push(
                token, as: "application/" + RotationAnnouncement.type, to: webhook, authorization: nil,
                allowPrivate: work.policy.allowPrivateNetwork
            )
        } catch {
            // An attempt that was cut short because the server stops is no failure of the webhook's.
            try Task.checkCancellation()
            throw RotationFailure("the webhook could not be told: \(error.description)")
        }
        guard (200..<300).contains(answer.status) else {
            throw RotationFailure("the webhook answered \(answer.status)")
        }
    }

    /// Makes the pending version current. The one before can be read until the grace is over.
    func activate(
        _ pending: RotationPlan.Pending, _ client: ClientChange?, of work: Work
    ) async throws -> VaultSecret {
        var changed = work.secret
        changed.current = pending.version
        changed.revision += 1
        var changes: [Change] = [
            .keepSecret(changed, from: work.secret.revision),
            .setVersion(changed.name, pending.version, .live, readableUntil: nil),
        ]
        if let previous = work.secret.current {
            changes.append(
                .setVersion(
                    changed.name, previous, .live, readableUntil: work.time.adding(seconds: work.policy.grace)))
        }
        changes.append(.keepRotation(work.plan.rotated(under: work.policy, at: work.time), from: work.plan.revision))
        changes += outdated(work, after: changed)
        var audit = [Self.event(of: changed, work)]
        if let client {
            changes.append(client.change)
            changes += OutgoingEvent.all(ofRotated: client.client, in: registry, at: work.time).map(Change.enqueue)
            audit.append(
                RotationAudit.event(ofClient: client.client.id, previousEnds: client.previousEnds, at: work.time))
        } else {
            changes += OutgoingEvent.all(ofRotated: changed, in: registry, at: work.time).map(Change.enqueue)
        }
        try await ledger.commit(Entry(changes: changes, audit: audit))
        FaultPoint.rotationActivated.pass()
        return changed
    }

    // MARK: Parts

    func client(of secret: VaultSecret) throws -> Client {
        guard let id = secret.client, let client = registry.client(id) else {
            throw RotationFailure("the client \(secret.client?.text ?? "") is not registered any more")
        }
        guard client.authentication == .clientSecretBasic else {
            throw RotationFailure(
                "the client \(id) authenticates by \(client.authentication.rawValue), not by a secret")
        }
        return client
    }

    /// Erases the values of versions that nobody can read any more, but for the last few.
    private func outdated(_ work: Work, after secret: VaultSecret) -> [Change] {
        let newest = secret.latest - Self.keptVersions
        return work.versions.filter { version in
            version.number <= newest && version.state == .live && version.number != work.secret.current
                && (version.readableUntil.map { $0 <= work.time } ?? false)
        }.map { .setVersion(secret.name, $0.number, .destroyed, readableUntil: nil) }
    }

    private static func event(of secret: VaultSecret, _ work: Work) -> AuditEvent {
        RotationAudit.event(
            .secretRotated, of: secret, version: secret.current,
            after: [
                "previous_version": work.secret.current.map { .integer(Int64($0)) } ?? .null,
                "previous_readable_until": work.secret.current == nil
                    ? .null : .time(work.time.adding(seconds: work.policy.grace)),
            ], at: work.time
        )
    }
}
