package import JOSE
package import Revocations
package import Vault

/// What operators do: register, change, disable, remove. Every change is checked, audited with before and after, and
/// durable when the answer leaves.
package struct Registrar: Sendable {
    package enum Failure: Error, Sendable, Equatable {
        case notFound(RegistryKind, String)
        /// The name is taken.
        case exists(RegistryKind, String)
        /// `If-Match` names an older revision.
        case stale(RegistryKind, String)
        /// One of Legate's own resources, which nobody changes.
        case isOwn(String)
    }

    private let registry: Registry
    private let revocations: RevocationSet
    private let keys: KeyCustodian
    private let digests: DigestKey
    private let secrets: ClientSecretMaker
    private let ledger: Ledger
    private let now: Now

    package init(
        registry: Registry, revocations: RevocationSet, keys: KeyCustodian, digests: DigestKey,
        secrets: ClientSecretMaker, ledger: Ledger, now: @escaping Now
    ) {
        self.registry = registry
        self.revocations = revocations
        self.keys = keys
        self.digests = digests
        self.secrets = secrets
        self.ledger = ledger
        self.now = now
    }

    private func context(at time: Timestamp) -> RegistryContext { RegistryContext(registry: registry, now: time) }

    // MARK: Reading

    package func show(_ kind: RegistryKind, _ identifier: String, to caller: Operator) throws -> any Registered {
        try caller.require(kind.readScope)
        guard let found = registry.registered(kind, identifier) else { throw Failure.notFound(kind, identifier) }
        return found
    }

    // MARK: Creating

    /// - Returns: the new thing, and the client secret when one was made: it is shown this once.
    package func create(
        _ kind: RegistryKind, from draft: JSONObject, by caller: Operator
    ) async throws -> (created: any Registered, secret: String?) {
        try caller.require(kind.writeScope)
        let time = now()
        switch kind {
        case .client:
            var client = try Client(creating: draft, in: context(at: time))
            var secret: String?
            if client.authentication == .clientSecretBasic {
                let made = ClientSecret.generate()
                client.secrets = [client.digest(digests.digest(of: made, context: client.id.text), at: time)]
                secret = made
            }
            return (try await commit(created: client, name: .clientCreated, by: caller, at: time), secret)
        case .resource:
            let resource = try Resource(creating: draft, in: context(at: time))
            let keyChanges = try await keys.ensure(resource.signingAlgorithm, at: time)
            return (
                try await commit(
                    created: resource, name: .resourceCreated, by: caller, at: time, with: keyChanges
                ), nil
            )
        case .issuer:
            let issuer = try TrustedIssuer(creating: draft, in: context(at: time))
            if registry.issuer(at: issuer.url) != nil { throw Failure.exists(.issuer, issuer.url.text) }
            return (try await commit(created: issuer, name: .issuerTrusted, by: caller, at: time), nil)
        case .rule:
            let rule = try DelegationRule(creating: draft, in: context(at: time))
            return (try await commit(created: rule, name: .ruleCreated, by: caller, at: time), nil)
        case .receiver:
            var receiver = try EventReceiver(creating: draft, in: context(at: time))
            try keys.seal(&receiver)
            return (try await commit(created: receiver, name: .receiverCreated, by: caller, at: time), nil)
        case .delegation:
            let delegation = try Delegation(creating: draft, in: context(at: time))
            return (try await commit(created: delegation, name: .delegationCreated, by: caller, at: time), nil)
        }
    }

    private func commit(
        created: some Registered, name: AuditEvent.Name, by caller: Operator, at time: Timestamp,
        with others: [KeyCustodian.Made] = []
    ) async throws -> any Registered {
        let kind = type(of: created).kind
        var event = caller.event(
            name, target: "\(kind.rawValue)/\(created.identifier)", rule: kind.writeScope, at: time)
        event.after = created.document(at: time).text
        if let delegation = created as? Delegation {
            event.delegatingUser = delegation.subject.claim
            event.delegationID = delegation.id.text
        }
        var entry = Entry(changes: [.create(created.change)], audit: [event])
        entry.add(others, by: caller, at: time)
        try await commit(entry, of: kind, created.identifier)
        keys.take(others)
        return created
    }

    // MARK: Changing

    /// Merges a patch (RFC 7396) into what is registered.
    ///
    /// - Parameter revision: the revision that the caller has seen, from `If-Match`.
    package func update(
        _ kind: RegistryKind, _ identifier: String, patch: JSONObject, ifRevision revision: Int?, by caller: Operator
    ) async throws -> any Registered {
        try caller.require(kind.writeScope)
        let time = now()
        guard let current = registry.registered(kind, identifier) else { throw Failure.notFound(kind, identifier) }
        if let revision, revision != current.revision { throw Failure.stale(kind, identifier) }
        try refuseOwn(current)
        return try await update(current, patch: patch, by: caller, at: time)
    }

    private func update<Thing: Registered>(
        _ current: Thing, patch: JSONObject, by caller: Operator, at time: Timestamp
    ) async throws -> any Registered {
        let kind = Thing.kind
        var changed = try current.replaced(by: current.draft.merging(patch: patch), in: context(at: time))
        changed.revision = current.revision + 1
        if var receiver = changed as? EventReceiver {
            try keys.seal(&receiver)
            if let sealed = receiver as? Thing { changed = sealed }
        }
        let before = current.document(at: time)
        let after = changed.document(at: time)
        if before == after { return current }
        var event = caller.event(
            Self.updated(kind), target: "\(kind.rawValue)/\(current.identifier)", rule: kind.writeScope, at: time
        )
        event.before = before.text
        event.after = after.text
        var entry = Entry(changes: [.update(changed.change, from: current.revision)], audit: [event])
        var made: [KeyCustodian.Made] = []
        switch (current as any Registered, changed as any Registered) {
        case (let old as Client, let new as Client) where old.enabled && !new.enabled:
            // Disabling ends the tokens issued so far, and enabling again does not bring them back.
            entry.changes.append(.revoke(Revocation(.client, new.id.text, at: time, reason: "disabled")))
        case (let old as TrustedIssuer, let new as TrustedIssuer) where old.enabled && !new.enabled:
            entry.end(issuer: new.name, in: registry, at: time, reason: "issuer disabled")
        case (_, let new as Resource):
            made = try await keys.ensure(new.signingAlgorithm, at: time)
        default: break
        }
        entry.add(made, by: caller, at: time)
        try await commit(entry, of: kind, current.identifier)
        keys.take(made)
        if let old = current as? TrustedIssuer, let new = changed as? TrustedIssuer, old.enabled, !new.enabled {
            let sweep = DelegationSweep(registry: registry, ledger: ledger, now: now)
            try await sweep.sweep({ $0.subject.issuer == new.name }, reason: "issuer disabled")
        }
        return changed
    }

    /// Legate's own resources are as they are.
    private func refuseOwn(_ thing: any Registered) throws {
        guard let resource = thing as? Resource, registry.ownResources.all.contains(where: { $0.uri == resource.uri })
        else { return }
        throw Failure.isOwn(resource.name)
    }

    private static func updated(_ kind: RegistryKind) -> AuditEvent.Name {
        switch kind {
        case .client: .clientUpdated
        case .resource: .resourceUpdated
        case .issuer: .issuerUpdated
        case .rule: .ruleCreated
        case .delegation: .delegationUpdated
        case .receiver: .receiverUpdated
        }
    }

    /// Makes a new secret for a client. With a grace the old one works on beside it for that many seconds.
    package func rotateSecret(
        of identifier: String, grace: Int, by caller: Operator
    ) async throws -> (client: Client, secret: String, previousExpiresAt: Timestamp?) {
        try caller.require(RegistryKind.client.writeScope)
        let time = now()
        guard let current = ClientID(identifier).flatMap({ registry.client($0) }) else {
            throw Failure.notFound(.client, identifier)
        }
        guard current.authentication == .clientSecretBasic else {
            throw InvalidDocument(
                "client_id", "the client has no secret: it authenticates by \(current.authentication.rawValue)")
        }
        guard (0...Self.longestGrace).contains(grace) else {
            throw InvalidDocument("grace", "must be whole seconds from 0 to \(Self.longestGrace)")
        }
        let made = try secrets.make(for: current, grace: grace, at: time)
        var event = caller.event(
            .clientSecretRotated, target: "client/\(current.id)", rule: RegistryKind.client.writeScope, at: time
        )
        event.after = (["previous_secret_expires_at": .time(made.previousEnds)] as JSONObject).text
        try await commit(Entry(changes: made.changes, audit: [event]), of: .client, identifier)
        return (made.client, made.secret, made.previousEnds)
    }

    /// Seconds: thirty days.
    package static let longestGrace = 30 * 86_400

    // MARK: Ending

    /// Removes something, together with everything that was issued under it. Removing never widens anything.
    package func delete(_ kind: RegistryKind, _ identifier: String, by caller: Operator) async throws {
        try caller.require(kind.writeScope)
        try await retrying(kind, identifier) { try await end(kind, identifier, by: caller) }
    }

    private func end(_ kind: RegistryKind, _ identifier: String, by caller: Operator) async throws {
        let time = now()
        guard let current = registry.registered(kind, identifier) else { throw Failure.notFound(kind, identifier) }
        var entry = Entry()
        let name: AuditEvent.Name
        switch current {
        case let client as Client:
            name = .clientDeleted
            entry.changes = [.revoke(Revocation(.client, client.id.text, at: time, reason: "deleted"))]
            entry.end(
                registry.liveDelegations(at: time) { $0.clientID == client.id }, at: time, reason: "client deleted")
            for rule in registry.rules(for: client.id) { entry.changes.append(.delete(.rule(rule))) }
            entry.unlink(registry.eventReceivers(of: client.id), by: caller, at: time)
            entry.changes.append(.delete(.client(client)))
        case let resource as Resource:
            try refuseOwn(resource)
            name = .resourceDeleted
            entry.changes = [.delete(.resource(resource))]
        case let issuer as TrustedIssuer:
            name = .issuerDistrusted
            entry.end(issuer: issuer.name, in: registry, at: time, reason: "issuer distrusted")
            // Another issuer that gets the same name later must not inherit what was allowed to this one.
            for rule in registry.rules(of: issuer.name) { entry.changes.append(.delete(.rule(rule))) }
            for client in registry.clients(mappedTo: issuer.name) {
                entry.unmap(client, from: issuer.name, by: caller, at: time)
            }
            entry.changes.append(.delete(.issuer(issuer)))
        case let rule as DelegationRule:
            name = .ruleDeleted
            entry.changes = [.delete(.rule(rule))]
        case let receiver as EventReceiver:
            name = .receiverDeleted
            entry.changes = [.delete(.receiver(receiver))]
        case let delegation as Delegation:
            _ = try await revoke(delegation, reason: nil, by: caller)
            return
        default: throw Failure.notFound(kind, identifier)
        }
        var event = caller.event(
            name, target: "\(kind.rawValue)/\(current.identifier)", rule: kind.writeScope, at: time)
        event.before = current.document(at: time).text
        entry.audit.append(event)
        try await commit(entry, of: kind, identifier)
        try await sweep(after: current, by: caller)
    }

    /// Ends what was made in the moment in which its client or issuer went: a successor of the same name would inherit
    /// it.
    private func sweep(after gone: any Registered, by caller: Operator) async throws {
        let delegations = DelegationSweep(registry: registry, ledger: ledger, now: now)
        let rules: [DelegationRule]
        switch gone {
        case let client as Client:
            try await delegations.sweep({ $0.clientID == client.id }, reason: "client deleted")
            for receiver in registry.eventReceivers(of: client.id) {
                var entry = Entry()
                entry.unlink([receiver], by: caller, at: now())
                try await commit(entry, of: .receiver, receiver.identifier)
            }
            rules = registry.rules(for: client.id)
        case let issuer as TrustedIssuer:
            try await delegations.sweep({ $0.subject.issuer == issuer.name }, reason: "issuer distrusted")
            rules = registry.rules(of: issuer.name)
        default: return
        }
        for rule in rules {
            do {
                try await end(.rule, rule.id.text, by: caller)
            } catch Failure.notFound {
                // Somebody else removed it.
            }
        }
    }

    /// Ends a delegation and everything issued under it, at any depth. Doing it twice is the same as once.
    package func revokeDelegation(
        _ identifier: String, reason: String?, by caller: Operator
    ) async throws -> Delegation {
        try caller.require(RegistryKind.delegation.writeScope)
        guard let delegation = DelegationID(identifier).flatMap({ registry.delegation($0) }) else {
            throw Failure.notFound(.delegation, identifier)
        }
        return try await revoke(delegation, reason: reason, by: caller)
    }

    private func revoke(_ delegation: Delegation, reason: String?, by caller: Operator) async throws -> Delegation {
        let time = now()
        guard delegation.revokedAt == nil else { return delegation }
        var event = caller.event(
            .delegationRevoked, target: "delegation/\(delegation.id)", rule: RegistryKind.delegation.writeScope,
            at: time
        )
        event.delegationID = delegation.id.text
        event.delegatingUser = delegation.subject.claim
        event.requestContext = reason
        let entry = Entry(
            changes: [
                .revokeDelegation(delegation.id, at: time),
                .revoke(Revocation(.delegation, delegation.id.text, at: time, reason: reason)),
            ], audit: [event]
        )
        do {
            try await ledger.commit(entry)
        } catch CommitFailure.missing {
            // Somebody else revoked it in the same moment; theirs is the record.
        }
        return registry.delegation(delegation.id) ?? delegation
    }

    // MARK: Committing

    /// Does it once more, with what is there then, when something that had to end together with it was ended or changed
    /// by somebody else in the same moment.
    private func retrying(
        _ kind: RegistryKind, _ identifier: String, _ attempt: () async throws -> Void
    ) async throws {
        for _ in 0..<8 {
            do {
                return try await attempt()
            } catch let failure as Failure {
                guard failure == .notFound(kind, identifier) || failure == .stale(kind, identifier),
                    registry.registered(kind, identifier) != nil
                else { throw failure }
            }
        }
        throw Failure.stale(kind, identifier)
    }

    private func commit(_ entry: Entry, of kind: RegistryKind, _ identifier: String) async throws {
        do {
            try await ledger.commit(entry)
        } catch CommitFailure.exists {
            throw Failure.exists(kind, identifier)
        } catch CommitFailure.stale {
            throw Failure.stale(kind, identifier)
        } catch CommitFailure.missing {
            throw Failure.notFound(kind, identifier)
        }
    }
}

extension Entry {
    /// Ends delegations one by one, so that each shows as revoked.
    mutating func end(_ delegations: [Delegation], at time: Timestamp, reason: String) {
        for delegation in delegations {
            changes.append(.revokeDelegation(delegation.id, at: time))
            changes.append(.revoke(Revocation(.delegation, delegation.id.text, at: time, reason: reason)))
        }
    }

    /// Takes an issuer's workloads from a client.
    mutating func unmap(_ client: Client, from issuer: IssuerName, by caller: Operator, at time: Timestamp) {
        var changed = client
        changed.workloads.removeAll { $0.issuer == issuer }
        changed.revision += 1
        var event = caller.event(
            .clientUpdated, target: "client/\(client.id)", rule: RegistryKind.client.writeScope, at: time
        )
        event.before = client.document(at: time).text
        event.after = changed.document(at: time).text
        changes.append(.update(.client(changed), from: client.revision))
        audit.append(event)
    }

    /// Ends the tokens and delegations of all users of an issuer.
    mutating func end(issuer: IssuerName, in registry: Registry, at time: Timestamp, reason: String) {
        changes.append(.revoke(Revocation(.issuer, issuer.text, at: time, reason: reason)))
        end(registry.liveDelegations(at: time) { $0.subject.issuer == issuer }, at: time, reason: reason)
    }
}
