package import JOSE
package import Revocations
import Vault

/// Where operators end things: a token, a client, an agent instance, a task, a session, a delegation, a subject, an
/// issuer, a signing key. One call each, durable before it is answered.
package struct RevocationDesk: Sendable {
    private let registry: Registry
    private let revocations: RevocationSet
    private let keys: KeyCustodian
    private let ledger: Ledger
    private let now: Now

    package init(
        registry: Registry, revocations: RevocationSet, keys: KeyCustodian, ledger: Ledger, now: @escaping Now
    ) {
        self.registry = registry
        self.revocations = revocations
        self.keys = keys
        self.ledger = ledger
        self.now = now
    }

    /// Revokes what `draft` (`kind`, `id`, `reason`) names. An unknown id is accepted: the token may be on its way.
    package func revoke(_ draft: JSONObject, by caller: Operator) async throws -> Revocation {
        try caller.require("revocations:write")
        var reader = DocumentReader(draft)
        let words = Revocation.Kind.allCases.map(\.rawValue).joined(separator: ", ")
        let kind = reader.required("kind", reader.parsed("kind", "one of \(words)") { Revocation.Kind(rawValue: $0) })
        let id = reader.required("id", reader.text("id", limit: 512))
        let reason = reader.text("reason", limit: 512)
        if let kind, let id, let objection = objection(to: kind, id) { reader.refuse("id", objection) }
        try reader.finish()
        guard let kind, let id else { throw InvalidDocument("id", "is required") }
        return try await revoke(kind, id, reason: reason, by: caller)
    }

    private func revoke(
        _ kind: Revocation.Kind, _ id: String, reason: String?, by caller: Operator
    ) async throws -> Revocation {
        let time = now()
        var entry = Entry(changes: [.revoke(Revocation(kind, id, at: time, reason: reason))])
        var successor: [KeyCustodian.Made] = []
        switch kind {
        case .token, .client: break
        case .task, .session:
            entry.changes.append(.close(kind, id: id, until: time.adding(seconds: TaskDesk.closedFor)))
        case .agent:
            entry.changes.append(.close(kind, id: id, until: nil))
        case .delegation:
            if let delegation = DelegationID(id).flatMap({ registry.delegation($0) }), delegation.revokedAt == nil {
                entry.changes.append(.revokeDelegation(delegation.id, at: time))
            }
        case .subject:
            entry.end(
                registry.liveDelegations(at: time) { $0.subject.claim == id }, at: time,
                reason: reason ?? "subject revoked"
            )
        case .issuer:
            if let name = IssuerName(id) {
                entry.end(
                    registry.liveDelegations(at: time) { $0.subject.issuer == name }, at: time,
                    reason: reason ?? "issuer revoked"
                )
            }
        case .key:
            successor = try await keys.successor(of: id, at: time).map { [$0] } ?? []
            entry.add(successor, by: caller, at: time)
            entry.changes.append(.revokeKey(id, at: time))
        }
        var event = caller.event(
            .revocationCreated, target: "\(kind.rawValue)/\(id)", rule: "revocations:write", at: time)
        event.requestContext = reason
        if kind == .token { event.jti = id }
        if kind == .delegation { event.delegationID = id }
        if kind == .subject { event.delegatingUser = id }
        entry.audit.append(event)
        do {
            if kind == .key {
                // Before the feed and the receivers are told: what tells of a key's end is not signed with it.
                entry.whenDurable = { [keys, successor] in
                    keys.take(successor)
                    keys.drop(id, at: time)
                }
            }
            let entered = try await ledger.commit(entry).revocations
            guard let first = entered.first else { throw CommitFailure.missing(id) }
            let sweep = DelegationSweep(registry: registry, ledger: ledger, now: now)
            if kind == .subject {
                try await sweep.sweep({ $0.subject.claim == id }, reason: reason ?? "subject revoked")
            } else if kind == .issuer, let name = IssuerName(id) {
                try await sweep.sweep({ $0.subject.issuer == name }, reason: reason ?? "issuer revoked")
            }
            return first
        } catch CommitFailure.missing {
            // A delegation was revoked by somebody else in the same moment: once more, without it.
            return try await revoke(kind, id, reason: reason, by: caller)
        }
    }

    /// Lets a closed agent instance come back. Its old tokens stay dead.
    package func reopenAgent(_ name: QualifiedName, by caller: Operator) async throws {
        try caller.require(RegistryKind.client.writeScope)
        let time = now()
        let event = caller.event(
            .clientUpdated, target: "agent/\(name)", rule: RegistryKind.client.writeScope, at: time)
        try await ledger.commit(Entry(changes: [.reopen(.agent, id: name.text)], audit: [event]))
    }

    private func objection(to kind: Revocation.Kind, _ id: String) -> String? {
        switch kind {
        case .client:
            return ClientID(id) == nil ? "must be a client id" : nil
        case .agent:
            return QualifiedName(qualified: id) == nil && ClientID(id) == nil
                ? "must be CLIENT/NAME, or CLIENT for its unnamed instance" : nil
        case .task, .session:
            return QualifiedName(qualified: id) == nil ? "must be CLIENT/NAME" : nil
        case .delegation:
            return DelegationID(id) == nil ? "must be a delegation id" : nil
        case .subject:
            if let client = ClientID(id), registry.client(client) != nil {
                return "is a client: revoke kind client instead"
            }
            return UserSubject(claim: id) == nil ? "must be ISSUER|SUB" : nil
        case .issuer:
            return IssuerName(id) == nil ? "must be an issuer's short name" : nil
        case .key:
            return keys.keys.knows(id) ? nil : "no such key"
        case .token: return nil
        }
    }
}
