/// When a secret changes next, and how far a change has got. One durable row for each secret with a rotation policy.
///
/// A rotation is steps, each of them one transaction that compares and sets this plan and the secret's definition: it
/// begins where the last step ended, wherever the process was killed.
package struct RotationPlan: Sendable, Equatable {
    package let secret: SecretName
    /// Seconds from one rotation to the next, as this plan was made.
    package var every: Int
    /// When the secret changed last, or began to have a policy.
    package var since: Timestamp
    /// When the rotation is, or was, due.
    package var dueAt: Timestamp
    /// When the next step is tried: when it is due, or later after a failure.
    package var nextAt: Timestamp
    /// A version that is made and sealed, and becomes current when its announcement was answered.
    package var pending: Pending?
    /// Attempts that failed since the last rotation.
    package var failures: Int
    /// Why the last attempt failed.
    package var reason: String?
    /// Grows by one with every change.
    package var revision: Int

    package struct Pending: Sendable, Equatable {
        package let version: Int
        /// The `jti` under which it is announced, the same in every attempt.
        package let announcement: String
        /// Of a client's new secret, which the client may use already: taken back when the version does not become
        /// current, whatever has become of its box.
        package let digest: [UInt8]?

        package init(version: Int, announcement: String, digest: [UInt8]? = nil) {
            self.version = version
            self.announcement = announcement
            self.digest = digest
        }
    }

    package init(
        secret: SecretName, every: Int, since: Timestamp, dueAt: Timestamp, nextAt: Timestamp? = nil,
        pending: Pending? = nil, failures: Int = 0, reason: String? = nil, revision: Int = 1
    ) {
        self.secret = secret
        self.every = every
        self.since = since
        self.dueAt = dueAt
        self.nextAt = nextAt ?? dueAt
        self.pending = pending
        self.failures = failures
        self.reason = reason
        self.revision = revision
    }

    /// The plan of a secret that has none yet: what has no value gets one at once.
    init(for secret: VaultSecret, _ policy: SecretRotation, at now: Timestamp) {
        self.init(
            secret: secret.name, every: policy.every, since: now,
            dueAt: secret.current == nil ? now : now.adding(seconds: policy.every)
        )
    }

    /// The plan under another interval, which counts from the last rotation. What is due stays due.
    func replanned(every: Int, at now: Timestamp) -> RotationPlan {
        var plan = self
        plan.every = every
        if pending == nil, failures == 0, now < dueAt {
            plan.dueAt = max(now, since.adding(seconds: every))
            plan.nextAt = plan.dueAt
        }
        plan.revision += 1
        return plan
    }

    /// The plan after a rotation. The interval counts from now, so that a server that was off for days does not rotate
    /// for every day that it missed.
    func rotated(under policy: SecretRotation, at now: Timestamp) -> RotationPlan {
        RotationPlan(
            secret: secret, every: policy.every, since: now, dueAt: now.adding(seconds: policy.every),
            revision: revision + 1
        )
    }

    /// The plan with a version that is made but not current yet.
    func prepared(_ pending: Pending, at now: Timestamp) -> RotationPlan {
        var plan = self
        plan.pending = pending
        plan.nextAt = now
        plan.revision += 1
        return plan
    }

    /// The plan without its pending version, which somebody else did away with.
    func abandoned() -> RotationPlan {
        var plan = self
        plan.pending = nil
        plan.revision += 1
        return plan
    }

    /// The plan after an attempt that failed.
    func failed(_ reason: String, after pause: Int64, at now: Timestamp) -> RotationPlan {
        var plan = self
        plan.failures = failures < Self.mostFailures ? failures + 1 : failures
        plan.reason = String(reason.prefix(Self.longestReason))
        let (next, overflow) = now.milliseconds.addingReportingOverflow(pause)
        plan.nextAt = Timestamp(milliseconds: overflow ? .max : next)
        plan.revision += 1
        return plan
    }

    /// The plan with a rotation that is due now, whatever was planned or failed before.
    package func hastened(at now: Timestamp) -> RotationPlan {
        var plan = self
        plan.dueAt = min(dueAt, now)
        plan.nextAt = min(nextAt, now)
        plan.revision += 1
        return plan
    }

    /// Whether the rotation should have happened by now.
    func isOverdue(at now: Timestamp) -> Bool { dueAt.adding(seconds: Self.patience) < now }

    /// Milliseconds until the next attempt: 1 s, twice as long with each failure, at most an hour; somewhere in the
    /// upper half of that, so that many do not come back at once.
    func pause() -> Int64 {
        var longest: Int64 = 1000
        for _ in 0..<min(failures, 12) { longest *= 2 }
        longest = min(longest, Self.longestPause)
        return Int64.random(in: (longest / 2)...longest)
    }

    private static let longestPause: Int64 = 3_600_000
    private static let mostFailures = 1_000_000
    private static let longestReason = 256
    /// Seconds for which a rotation that is due counts as being on its way.
    private static let patience = 60
}
