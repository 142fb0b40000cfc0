package import Vault

extension SecretDesk {
    /// The one road on which any value leaves: decide, record, lease, all in one transaction; only then the box is
    /// opened.
    ///
    /// - Parameters:
    ///   - version: the current one when nil.
    ///   - entry: what else is to be committed with the release. It relies on the holder's token unless it says
    ///     otherwise.
    ///   - id: the name of the lease, when something else that is committed must name it.
    ///   - context: the request, for the audit record.
    /// - Throws: `SecretRefusal`; `notFound` is audited as a refusal when the holder is known. `CommitFailure` when the
    ///   rest of the entry fails, `LedgerUnavailable` when nothing could be recorded: then nothing is released.
    package func release(
        _ name: SecretName, version: Int? = nil, to holder: SecretHolder, with entry: Entry = Entry(),
        as id: LeaseID? = nil, in context: RequestContext
    ) async throws -> ReleasedSecret {
        for _ in 0..<Self.attempts {
            let time = now()
            guard let secret = registry.secrets.secret(name) else {
                throw try await refuse(name, holder, rule: "secret_exists", "no such secret", in: context, at: time)
            }
            guard let rule = secret.rule(admitting: holder) else {
                throw try await refuse(
                    name, holder, rule: "secret_rule", "no rule of the secret admits this", in: context, at: time
                )
            }
            guard let number = version ?? secret.current else {
                throw try await refuse(
                    name, holder, rule: "secret_version", "the secret has no current version", in: context, at: time
                )
            }
            let end: Int64?
            do {
                end = try await materials[secret.kind]?.prepare(secret, at: time)
            } catch let refusal as SecretRefusal {
                _ = try await refuse(name, holder, rule: "secret_value", refusal.reason, in: context, at: time)
                throw refusal
            }
            let lease = lease(
                id ?? .make(at: time), on: secret, version: number, under: rule, to: holder, end: end, at: time
            )
            FaultPoint.releaseDecided.pass()
            var entry = entry
            entry.changes.append(.release(lease, at: secret.revision))
            entry.audit.append(Self.released(lease, of: secret, to: holder, in: context, at: time))
            if entry.issues == nil, entry.relies == nil { entry.relies = holder.identity }
            let box: [UInt8]
            do {
                guard let released = try await ledger.commit(entry).released else { throw SecretRefusal.damaged }
                box = released
            } catch CommitFailure.stale(name.text) {
                // The definition was changed in the meantime: decide again.
                continue
            } catch CommitFailure.missing("\(name) version \(number)") {
                throw try await refuse(
                    name, holder, rule: "secret_version", "version \(number) cannot be read", in: context, at: time
                )
            } catch CommitFailure.revoked where entry.issues == nil {
                throw try await refuse(
                    name, holder, rule: "token_live", "the token was revoked", in: context, at: time
                )
            }
            FaultPoint.releaseCommitted.pass()
            return ReleasedSecret(
                secret: secret, value: try await open(box, of: secret, version: number, in: context), lease: lease
            )
        }
        throw SecretRefusal.unavailable("the secret is being changed; try again", retryAfter: 1)
    }

    /// Reads a value through the vault's own door.
    ///
    /// - Throws: `OAuthError.insufficientScope` when the token lacks the scope, and what `release` throws.
    package func read(
        _ name: SecretName, version: Int? = nil, by token: AccessToken, in context: RequestContext
    ) async throws -> ReleasedSecret {
        guard token.scopes.contains(Self.readScope) else {
            throw OAuthError(
                .insufficientScope, "the token lacks the scope \(Self.readScope)", detail: Self.readScope,
                rule: "token_scope"
            )
        }
        return try await release(name, version: version, to: holder(of: token), in: context)
    }

    /// The holder of a live token; what is released ends with the delegation that stands behind it.
    package func holder(of token: AccessToken) -> SecretHolder {
        let delegation = token.identity.delegationID.flatMap { registry.delegation($0) }
        return SecretHolder(
            identity: token.identity, door: token.audience, scopes: token.scopes, end: delegation?.expiresAt.seconds
        )
    }

    /// Each is lost only when somebody changes the secret between decision and commit. Under a writer that never rests
    /// that is every second one: a reader must not notice.
    private static let attempts = 64

    private func lease(
        _ id: LeaseID, on secret: VaultSecret, version: Int, under rule: SecretRule, to holder: SecretHolder,
        end: Int64?, at time: Timestamp
    ) -> Lease {
        let own = time.adding(seconds: secret.leaseTTL)
        let ends = [holder.end, end].compactMap { $0 }.map { Timestamp(seconds: $0) } + [own]
        return Lease(
            id: id, secret: secret.name, version: version, rule: rule.id, identity: holder.identity,
            issuedAt: time, expiresAt: ends.min() ?? own
        )
    }

    /// Opens a box that a transaction has released; one that does not open is reported, never served.
    func open(
        _ box: [UInt8], of secret: VaultSecret, version: Int, in context: RequestContext
    ) async throws -> Secret {
        let stored: Secret
        do {
            stored = try await alarm.open(box, at: secret.place(of: version), for: .request(context))
        } catch is VaultError {
            throw SecretRefusal.damaged
        }
        return try materials[secret.kind]?.reveal(stored, of: secret) ?? stored
    }

    /// Puts the refusal into the trail.
    ///
    /// - Returns: what to throw: the same for what does not exist and for what the holder may not know of.
    func refuse(
        _ name: SecretName, _ holder: SecretHolder, rule: String, _ reason: String, in context: RequestContext,
        at time: Timestamp
    ) async throws -> SecretRefusal {
        var event = AuditEvent(timestamp: time.milliseconds, name: .secretRefused, decision: .deny)
        event.describe(context)
        event.describe(holder)
        event.target = "secret/\(name)"
        event.policyEvaluation = .init(verdict: "refuse", rule: rule, reason: reason)
        try await ledger.commit(Entry(audit: [event]))
        return .notFound
    }

    private static func released(
        _ lease: Lease, of secret: VaultSecret, to holder: SecretHolder, in context: RequestContext,
        at time: Timestamp
    ) -> AuditEvent {
        var event = AuditEvent(timestamp: time.milliseconds, name: .secretReleased, decision: .allow)
        event.describe(context)
        event.describe(holder)
        event.target = "secret/\(secret.name)/versions/\(lease.version)"
        event.after = #"{"lease_id":"\#(lease.id)","expires_at":"\#(RFC3339.text(lease.expiresAt))"}"#
        event.policyEvaluation = .init(verdict: "permit", rule: lease.rule.text, reason: nil)
        return event
    }
}

extension AuditEvent {
    /// Who asks for a value: which agent, for whom, in which task.
    mutating func describe(_ holder: SecretHolder) {
        let identity = holder.identity
        clientID = identity.clientID.text
        agentID = identity.agentID
        delegatingUser = holder.user
        delegationID = identity.delegationID?.text
        sessionID = identity.session?.text
        taskID = identity.task?.text
        jti = identity.jti
        resource = holder.door.text
    }
}

extension AuditEvent.Name {
    package static let secretReleased = Self(rawValue: "secret.released")
    package static let secretRefused = Self(rawValue: "secret.refused")
}
