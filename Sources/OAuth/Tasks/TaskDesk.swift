import Revocations
package import Vault

/// Where a piece of work ends: its tokens die at every client that took part, and its name is closed.
///
/// The name is carried verbatim through every exchange (claim `txn`), so that one tombstone reaches the whole chain, and
/// no client in it gets another token under that name.
package struct TaskDesk: Sendable {
    private let authenticator: ClientAuthenticator
    private let registry: Registry
    private let ledger: Ledger
    private let now: Now

    /// Seconds that the name of an ended task or session stays closed.
    package static let closedFor = 30 * 86_400
    package static let scope = "tasks:write"
    private static let longestReason = 512

    package init(authenticator: ClientAuthenticator, registry: Registry, ledger: Ledger, now: @escaping Now) {
        self.authenticator = authenticator
        self.registry = registry
        self.ledger = ledger
        self.now = now
    }

    /// A client ends a task of its own. Doing it twice is the same as once.
    ///
    /// - Parameter name: as it was in `task_id`, or as it stands in the tokens: `CLIENT/NAME`.
    /// - Returns: who asked, for the request log.
    /// - Throws: `access_denied` when the task is another client's; the attempt is audited.
    @discardableResult
    package func complete(_ name: String, for request: ClientRequest) async throws -> ClientID {
        let time = now()
        let authenticated = try await authenticator.authenticate(request, at: time)
        let client = authenticated.client
        guard let task = QualifiedName(name, of: client.id) ?? QualifiedName(qualified: name) else {
            throw OAuthError(.invalidRequest, "a task is 1 to 128 characters of A-Z a-z 0-9 . _ : @ -")
        }
        var event = AuditEvent(timestamp: time.milliseconds, name: .taskCompleted, decision: .allow)
        event.describe(request.context)
        event.clientID = client.id.text
        event.agentID = client.kind == .agent ? client.id.text : nil
        event.taskID = task.text
        event.target = "task/\(task)"
        event.requestContext = try Self.reason(request.parameters[.reason])
        var entry = Entry(changes: authenticated.spends.map(Change.spend))
        guard task.client == client.id else {
            event.decision = .deny
            event.policyEvaluation = .init(verdict: "refuse", rule: "task_owner", reason: "another client's task")
            entry.audit.append(event)
            try await commit(entry)
            throw OAuthError(.accessDenied, "the task is another client's", rule: "task_owner")
        }
        event.policyEvaluation = .init(verdict: "permit", rule: "task_owner", reason: nil)
        // What proves the client is spent first: with one that was used before, no tombstone may take hold.
        if !entry.changes.isEmpty { try await commit(entry) }
        if !registry.isClosed(.task, task.text, at: time) {
            var end = Entry()
            end.end(task, at: time, record: event)
            try await ledger.commit(end)
        }
        return client.id
    }

    /// An operator ends any client's task. One that nobody has used yet is closed all the same.
    package func complete(_ task: QualifiedName, reason: String?, by caller: Operator) async throws {
        try caller.require(Self.scope)
        let time = now()
        guard !registry.isClosed(.task, task.text, at: time) else { return }
        var event = caller.event(.taskCompleted, target: "task/\(task)", rule: Self.scope, at: time)
        event.taskID = task.text
        event.requestContext = try Self.reason(reason)
        var entry = Entry()
        entry.end(task, at: time, record: event)
        try await ledger.commit(entry)
    }

    private static func reason(_ text: String?) throws(OAuthError) -> String? {
        guard let text else { return nil }
        guard text.count <= longestReason, text.isPrintable else {
            throw OAuthError(.invalidRequest, "reason must be at most 512 characters without control characters")
        }
        return text
    }

    private func commit(_ entry: Entry) async throws {
        do {
            try await ledger.commit(entry)
        } catch CommitFailure.spent {
            throw OAuthError.invalidClient("the client assertion was used before: sign a new one with another jti")
        }
    }
}

extension Entry {
    /// The tokens of a task die, and its name is closed.
    fileprivate mutating func end(_ task: QualifiedName, at time: Timestamp, record: AuditEvent) {
        changes.append(.revoke(Revocation(.task, task.text, at: time, reason: record.requestContext ?? "completed")))
        changes.append(.close(.task, id: task.text, until: time.adding(seconds: TaskDesk.closedFor)))
        audit.append(record)
    }
}

extension AuditEvent.Name {
    package static let taskCompleted = Self(rawValue: "task.completed")
}
