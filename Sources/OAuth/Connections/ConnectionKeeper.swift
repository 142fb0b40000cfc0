import Synchronization
import Vault

/// Keeps the access tokens of connections alive: refreshes them early, one refresh at a time for each connection
/// however many ask, and hands out nothing that is not durable.
///
/// A provider that rotates its refresh tokens takes the old one back in the moment in which it answers. So the answer
/// is committed before anything of it is used; until then it is kept here, and tried again before the provider is asked
/// again. Only a process that ends between the answer and its commit loses it: no client of such a provider can do
/// better. What is left then is `invalid_grant`, which marks the connection as broken and says who can mend it.
package final class ConnectionKeeper: Sendable {
    struct Pause: Sendable {
        var failures: Int
        var until: Timestamp
        var reason: String
    }

    private struct State {
        /// What is being done with a connection at this moment; nobody else touches its grant meanwhile.
        var work: [SecretName: Task<Void, Never>] = [:]
        var pauses: [SecretName: Pause] = [:]
        /// Answers that storage has not taken yet.
        var unkept: [SecretName: Unkept] = [:]
        var isClosed = false
        var refreshed = 0
        var failed = 0
    }

    struct Unkept: Sendable {
        let tokens: ProviderTokens
        /// Which grant they belong to.
        let connectedAt: Timestamp?
    }

    let registry: Registry
    let barrier: Barrier
    let ledger: Ledger
    let provider: ProviderClient
    let alarm: BoxAlarm
    let bell: AlarmBell
    let now: Now
    private let state = Mutex(State())

    private static let longestPause = 300

    init(
        registry: Registry, barrier: Barrier, ledger: Ledger, fetcher: any Fetcher, alarm: BoxAlarm,
        bell: @escaping AlarmBell, now: @escaping Now
    ) {
        self.registry = registry
        self.barrier = barrier
        self.ledger = ledger
        provider = ProviderClient(fetcher: fetcher, now: now)
        self.alarm = alarm
        self.bell = bell
        self.now = now
    }

    /// Refreshes since the start, and attempts that failed.
    package var tallies: (refreshed: Int, failed: Int) { state.withLock { ($0.refreshed, $0.failed) } }

    /// Why nothing was to be had of the provider the last time, and when it is asked again.
    func pause(of name: SecretName) -> Pause? { state.withLock { $0.pauses[name] } }

    // MARK: One at a time

    /// Refreshes a connection that needs it, or waits for the refresh that is under way. Does nothing while a pause
    /// lasts or when the token is fresh. How it ended stands in the registry, and in `pause(of:)`.
    func refresh(_ name: SecretName) async {
        let work: Task<Void, Never>? = state.withLock { state in
            if let running = state.work[name] { return running }
            if state.isClosed { return nil }
            if let pause = state.pauses[name], now() < pause.until { return nil }
            // A task of its own: whoever asked may leave, the others still wait for it.
            let task = Task {
                await self.refreshNow(name)
                self.state.withLock { $0.work[name] = nil }
            }
            state.work[name] = task
            return task
        }
        await work?.value
    }

    /// Whose turn it is to work with a connection.
    private enum Turn<Result: Sendable>: Sendable {
        case wait(Task<Void, Never>)
        case go(Task<Result, any Error>)
        case closed
    }

    /// Does something with a connection's grant while nobody else does.
    ///
    /// - Throws: `SecretRefusal.unavailable` when the server is being closed, and what `body` throws.
    func exclusively<Result: Sendable>(
        _ name: SecretName, _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        while true {
            let turn: Turn<Result> = state.withLock { state in
                if let running = state.work[name] { return .wait(running) }
                if state.isClosed { return .closed }
                let task = Task {
                    defer { self.state.withLock { $0.work[name] = nil } }
                    return try await body()
                }
                state.work[name] = Task<Void, Never> { _ = await task.result }
                return .go(task)
            }
            switch turn {
            case .wait(let running): await running.value
            case .go(let task): return try await task.value
            case .closed: throw SecretRefusal.unavailable("the vault is being closed", retryAfter: 5)
            }
        }
    }

    /// Begins nothing any more, and returns when what a provider was asked is answered and kept.
    package func close() async {
        while true {
            let work = state.withLock { state in
                state.isClosed = true
                return Array(state.work.values)
            }
            if work.isEmpty { return }
            for task in work { await task.value }
        }
    }

    // MARK: Refreshing

    /// What a connection keeps. A box that does not open is reported.
    func grant(of connection: Connection, for finder: BoxAlarm.Finder) async throws -> ConnectionGrant {
        try await alarm.opening(connection.place, for: finder) { try ConnectionGrant(of: connection, with: barrier) }
    }

    private func refreshNow(_ name: SecretName) async {
        guard let connection = registry.connections.connection(name), connection.status == .connected,
            connection.token?.isFresh(at: now()) != true
        else { return }
        do {
            if let unkept = state.withLock({ $0.unkept[name] }) {
                return try await keep(unkept, of: name)
            }
            let grant = try await grant(of: connection, for: .work("connection refresh"))
            guard let refreshToken = grant.refreshToken else {
                // Until its end the token that is there will do.
                if connection.token?.lives(at: now()) == true { return }
                return try await broke(connection, "the provider gave no refresh token, and the access token ended")
            }
            FaultPoint.refreshAsked.pass()
            let tokens: ProviderTokens
            do throws(ProviderFailure) {
                tokens = try await provider.refresh(refreshToken, of: connection, with: grant)
            } catch {
                guard case .ended(let reason) = error else { throw error }
                return try await broke(connection, reason)
            }
            FaultPoint.refreshAnswered.pass()
            let unkept = Unkept(tokens: tokens, connectedAt: connection.connectedAt)
            state.withLock { $0.unkept[name] = unkept }
            try await keep(unkept, of: name)
        } catch {
            await failed(name, error)
        }
    }

    /// Commits what a provider answered: the rotated refresh token and the new access token in one transaction. Nobody
    /// has seen either before.
    private func keep(_ unkept: Unkept, of name: SecretName) async throws {
        for _ in 0..<Self.attempts {
            guard let connection = registry.connections.connection(name), connection.status == .connected,
                connection.connectedAt == unkept.connectedAt, let secret = registry.secrets.secret(name)
            else {
                // Connected anew, or gone: these tokens belong to nothing any more.
                state.withLock { $0.unkept[name] = nil }
                return
            }
            var entry = try entry(keeping: unkept.tokens, in: connection, secret) { _ in }
            entry.audit.append(connection.event(.connectionRefreshed, reason: nil, at: now()))
            do {
                try await ledger.commit(entry)
            } catch CommitFailure.stale(_) {
                continue
            }
            FaultPoint.refreshCommitted.pass()
            state.withLock { state in
                state.unkept[name] = nil
                state.pauses[name] = nil
                state.refreshed += 1
            }
            return
        }
        throw ProviderFailure.unreachable("the secret is being changed by others")
    }

    static let attempts = 8

    /// One transaction: the connection with the new grant, and the access token as the secret's current version. The
    /// version before is erased: whoever has it has the token itself.
    func entry(
        keeping tokens: ProviderTokens, in connection: Connection, _ secret: VaultSecret, isNewGrant: Bool = false,
        _ change: (inout Connection) -> Void
    ) throws -> Entry {
        let time = now()
        let (number, overflow) = secret.latest.addingReportingOverflow(1)
        guard !overflow else { throw SecretRefusal.conflict("the secret has no version numbers left") }
        var grant = try ConnectionGrant(of: connection, with: barrier)
        // Of another grant nothing is carried over.
        if isNewGrant || tokens.refreshToken != nil { grant.refreshToken = tokens.refreshToken }
        var changed = connection
        changed.token = .init(version: number, issuedAt: tokens.askedAt, expiresAt: tokens.expiresAt)
        changed.refreshedAt = time
        if let scopes = tokens.scopes { changed.granted = scopes }
        change(&changed)
        try grant.seal(into: &changed, with: barrier)
        changed.revision += 1
        let box = try tokens.accessToken.withBytes { try barrier.seal($0, at: secret.place(of: number)) }
        var defined = secret
        defined.latest = number
        defined.current = number
        defined.revision += 1
        var changes: [Change] = [
            .keepConnection(changed, from: connection.revision), .keepSecret(defined, from: secret.revision),
            .addVersion(secret.name, SecretVersion(number: number, box: box.bytes, createdAt: time)),
        ]
        if let previous = connection.token?.version {
            changes.append(.setVersion(secret.name, previous, .destroyed, readableUntil: nil))
        }
        return Entry(changes: changes)
    }

    // MARK: Failing

    /// The grant is no more. Durable, with an alarm that says who can mend it.
    private func broke(_ connection: Connection, _ reason: String) async throws {
        for _ in 0..<Self.attempts {
            guard let current = registry.connections.connection(connection.secret), current.status == .connected,
                current.connectedAt == connection.connectedAt
            else { return }
            var changed = current
            changed.status = .broken
            changed.reason = reason
            var grant = try ConnectionGrant(of: current, with: barrier)
            grant.refreshToken = nil
            try grant.seal(into: &changed, with: barrier)
            changed.revision += 1
            let event = changed.event(.connectionBroken, .deny, reason: reason, at: now())
            do {
                try await ledger.commit(
                    Entry(changes: [.keepConnection(changed, from: current.revision)], audit: [event]))
            } catch CommitFailure.stale(_) {
                continue
            }
            FaultPoint.connectionBroken.pass()
            state.withLock { state in
                state.failed += 1
                state.pauses[connection.secret] = nil
            }
            bell(Alarm(.connectionBroken, event))
            return
        }
        throw ProviderFailure.unreachable("the connection is being changed by others")
    }

    /// Something that may pass: the provider is left alone for a while, twice as long each time, and the token that is
    /// there stays in use while it lives. The trail hears of it when the reason is a new one.
    private func failed(_ name: SecretName, _ error: any Error) async {
        let reason =
            switch error {
            case let failure as ProviderFailure: failure.reason
            case is LedgerUnavailable: "the new token cannot be stored"
            case is VaultError: "what the connection keeps does not open"
            default: "the refresh failed"
            }
        let time = now()
        let isNew = state.withLock { state in
            let old = state.pauses[name]
            let failures = (old?.failures ?? 0) + 1
            var seconds = 1
            for _ in 1..<min(failures, 10) { seconds *= 2 }
            let milliseconds = Int64(Double(min(seconds, Self.longestPause)) * 1000 * Double.random(in: 0.5...1))
            state.pauses[name] = Pause(
                failures: failures, until: Timestamp(milliseconds: time.milliseconds + milliseconds), reason: reason)
            state.failed += 1
            return old?.reason != reason
        }
        guard isNew, let connection = registry.connections.connection(name) else { return }
        // When storage fails, so does this; the pause says it then.
        let event = connection.event(.connectionRefreshFailed, .deny, reason: reason, at: time)
        _ = try? await ledger.commit(Entry(audit: [event]))
    }

    /// The account was connected anew, or is gone: what was known of its troubles is not true any more.
    func forget(_ name: SecretName) {
        state.withLock { state in
            state.pauses[name] = nil
            state.unkept[name] = nil
        }
    }
}
