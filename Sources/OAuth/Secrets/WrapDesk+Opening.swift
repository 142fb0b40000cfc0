import Vault

extension WrapDesk {
    private static let attempts = 8

    /// Opens a reference, once.
    ///
    /// - Parameter token: any live token for the vault that may read: whoever opens is in the audit record.
    /// - Throws: `SecretRefusal.notFound` when there is no such reference, or nothing to be had by it any more;
    ///   `.conflict` when it was opened before.
    package func open(
        _ reference: String, by token: AccessToken, in context: RequestContext
    ) async throws -> ReleasedSecret {
        try Self.requireReading(token)
        let opener = secrets.holder(of: token)
        let digest = digest(of: reference)
        for _ in 0..<Self.attempts {
            let time = secrets.now()
            guard let wrap = try await secrets.store.wrap(digest) else {
                throw try await refuse(nil, opener, rule: "wrap_known", "no such reference", in: context, at: time)
            }
            guard wrap.openedAt == nil else {
                try await raise(wrap, opener, in: context, at: time)
                throw SecretRefusal.conflict(
                    "this reference was opened before: whoever opened it has the value; have it changed"
                )
            }
            guard time < wrap.expiresAt else {
                throw try await refuse(wrap, opener, rule: "wrap_live", "the reference expired", in: context, at: time)
            }
            guard let lease = try await secrets.store.lease(wrap.lease), secrets.isLive(lease, at: time) else {
                throw try await refuse(wrap, opener, rule: "lease_live", "its lease ended", in: context, at: time)
            }
            guard let secret = secrets.registry.secrets.secret(wrap.secret),
                secret.rules.contains(where: { $0.id == lease.rule })
            else {
                throw try await refuse(
                    wrap, opener, rule: "secret_rule", "the rule is gone under which it was wrapped", in: context,
                    at: time
                )
            }
            let opening = WrapOpening(
                digest: digest, at: time, by: token.clientID, lease: lease, revision: secret.revision
            )
            let box: [UInt8]
            do {
                let entry = Entry(
                    changes: [.openWrap(opening)],
                    audit: [Self.opened(wrap, lease, by: opener, in: context, at: time)], relies: lease.identity
                )
                guard let released = try await secrets.ledger.commit(entry).released else {
                    throw SecretRefusal.damaged
                }
                box = released
            } catch CommitFailure.stale(_) {
                // The definition was changed in the meantime: decide again.
                continue
            } catch CommitFailure.spent {
                // Somebody else was faster: they are told apart in the next round.
                continue
            } catch CommitFailure.revoked {
                throw try await refuse(wrap, opener, rule: "lease_live", "its token was revoked", in: context, at: time)
            } catch CommitFailure.missing(_) {
                throw try await refuse(
                    wrap, opener, rule: "secret_version", "version \(lease.version) cannot be read", in: context,
                    at: time
                )
            }
            FaultPoint.wrapOpened.pass()
            return ReleasedSecret(
                secret: secret,
                value: try await secrets.open(box, of: secret, version: lease.version, in: context), lease: lease
            )
        }
        throw SecretRefusal.unavailable("the secret is being changed; try again", retryAfter: 1)
    }
}
