import JOSE
package import Vault

/// What the trail says of references.
extension WrapDesk {
    static func opened(
        _ wrap: Wrap, _ lease: Lease, by opener: SecretHolder, in context: RequestContext, at time: Timestamp
    ) -> AuditEvent {
        var event = AuditEvent(timestamp: time.milliseconds, name: .secretUnwrapped, decision: .allow)
        event.describe(context)
        event.describe(opener)
        event.target = "secret/\(wrap.secret)/versions/\(lease.version)"
        event.after = text(wrapper(wrap).merging(patch: ["lease_id": .string(lease.id.text)]))
        event.policyEvaluation = .init(verdict: "permit", rule: lease.rule.text, reason: nil)
        return event
    }

    /// Tells everybody that a reference was opened twice, durably before the second one is answered.
    func raise(
        _ wrap: Wrap, _ opener: SecretHolder, in context: RequestContext, at time: Timestamp
    ) async throws {
        var event = AuditEvent(timestamp: time.milliseconds, name: .secretUnwrappedTwice, decision: .deny)
        event.describe(context)
        event.describe(opener)
        event.target = "secret/\(wrap.secret)"
        event.after = Self.text(
            Self.wrapper(wrap).merging(patch: [
                "severity": "alert", "opened_by": .text(wrap.openedBy?.text), "opened_at": .time(wrap.openedAt),
                "lease_id": .string(wrap.lease.text),
            ])
        )
        event.policyEvaluation = .init(
            verdict: "refuse", rule: "wrap_once", reason: "opened before: somebody else has read the value"
        )
        bell(Alarm(.unwrappedTwice, event))
        try await secrets.ledger.commit(Entry(audit: [event]))
    }

    func refuse(
        _ wrap: Wrap?, _ opener: SecretHolder, rule: String, _ reason: String, in context: RequestContext,
        at time: Timestamp
    ) async throws -> SecretRefusal {
        if let wrap {
            return try await secrets.refuse(wrap.secret, opener, rule: rule, reason, in: context, at: time)
        }
        var event = AuditEvent(timestamp: time.milliseconds, name: .secretRefused, decision: .deny)
        event.describe(context)
        event.describe(opener)
        event.policyEvaluation = .init(verdict: "refuse", rule: rule, reason: reason)
        try await secrets.ledger.commit(Entry(audit: [event]))
        return .notFound
    }

    private static func wrapper(_ wrap: Wrap) -> JSONObject {
        [
            "wrapped_by": .string(wrap.wrappedBy.text), "wrapped_for": .text(wrap.wrappedFor),
            "wrapped_at": .time(wrap.createdAt),
        ]
    }

    /// Without the members that are null.
    static func text(_ document: JSONObject) -> String {
        var present: JSONObject = [:]
        for member in document.members where !member.value.isNull { present[member.name] = member.value }
        return present.text
    }
}

extension AuditEvent.Name {
    package static let secretWrapped = Self(rawValue: "secret.wrapped")
    package static let secretUnwrapped = Self(rawValue: "secret.unwrapped")
    package static let secretUnwrappedTwice = Self(rawValue: "secret.unwrapped_twice")
}
