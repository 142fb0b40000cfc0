import HTTPTypes
import HummingbirdCore
package import JOSE
package import Logging
package import OAuth
import ServiceLifecycle
import Synchronization
package import Vault

/// A server that can be sealed and unsealed while it runs.
///
/// Unsealed, it is a whole `AuthorizationServer` with its background services. Sealed, there is none: nothing that was
/// opened with the root key is left, and only what anyone may know is answered. One request finds out which by one
/// look; one change of state runs at a time.
package final class SealableServer: Service {
    enum Door {
        case sealed(SealedResponder)
        case open(SealablePeriod)
    }

    private struct State {
        var door: Door?
        /// Somebody seals or unseals at the moment.
        var isTurning = false
        var isStopping = false
        /// Since the last time that the vault was open.
        var refusedAttempts = 0
    }

    package let issuer: IssuerURL
    let now: Now
    let metrics: Metrics
    /// What holds for this process, for `GET /admin/vault`.
    let process: JSONObject
    private let opener: any ServerOpener
    private let logger: Logger
    private let throttle = SealableThrottle()
    private let state = Mutex(State())

    /// What requests under way get before they are cut.
    static let grace = Duration.seconds(5)

    /// A server that starts sealed, whatever may open it.
    ///
    /// - Parameter process: what `GET /admin/vault` tells of the process.
    package convenience init(
        by opener: any ServerOpener, metrics: Metrics, process: JSONObject, logger: Logger
    ) async throws {
        let face = try await opener.face()
        self.init(issuer: face.issuer, now: face.now, by: opener, metrics: metrics, process: process, logger: logger)
        let responder = sealedResponder(face, needsPassphrase: try await opener.needsPassphrase())
        state.withLock { $0.door = .sealed(responder) }
    }

    /// A server that is open already.
    package convenience init(
        _ opened: OpenedServer, by opener: any ServerOpener, metrics: Metrics, process: JSONObject, logger: Logger
    ) {
        let server = opened.server
        self.init(
            issuer: server.issuer, now: server.now, by: opener, metrics: metrics, process: process, logger: logger
        )
        install(opened)
    }

    private init(
        issuer: IssuerURL, now: @escaping Now, by opener: any ServerOpener, metrics: Metrics, process: JSONObject,
        logger: Logger
    ) {
        self.issuer = issuer
        self.now = now
        self.opener = opener
        self.metrics = metrics
        self.process = process
        self.logger = logger
    }

    package var isSealed: Bool {
        state.withLock { state in
            if case .open = state.door { return false }
            return true
        }
    }

    /// Lets one request in. Whoever is let into an open server leaves it again.
    func enter() -> Door? {
        state.withLock { state in
            if case .open(let period) = state.door { period.enter() }
            return state.door
        }
    }

    // MARK: Opening

    /// Opens at start, before anyone is served: with the passphrase if there is one, else with the root key file if
    /// that is what opens the vault. Otherwise the server stays sealed.
    package func openAtStart(passphrase: Secret?) async throws {
        if passphrase == nil, try await opener.needsPassphrase() { return }
        install(try await opener.open(passphrase: passphrase))
    }

    /// Unseals for a caller. With a passphrase, that is the caller's right to do so; with the root key file it is a
    /// credential, which is checked once the server is put together, and before it serves anyone.
    ///
    /// - Throws: an `HTTPRefusal` that says when to try again, or what was wrong.
    func unseal(_ attempt: UnsealAttempt) async throws {
        try begin(attempt.context.peer)
        defer { endTurn() }
        guard isSealed else { return }
        let opened: OpenedServer
        do {
            switch (attempt.passphrase, try await opener.needsPassphrase()) {
            case (nil, true): throw InvalidDocument("passphrase", "is required: a passphrase opens this vault")
            case (.some, false): throw UnsealAttempt.passphraseNotNeeded
            case (nil, false):
                if attempt.request.headers[.authorization] == nil { throw attempt.unauthorized }
            case (.some, true): break
            }
            opened = try await opener.open(passphrase: attempt.passphrase)
        } catch UnsealFailure.wrongPassphrase {
            refused(attempt)
            throw HTTPRefusal(
                status: .forbidden, code: "wrong_passphrase", detail: "this passphrase does not open the vault"
            )
        } catch UnsealFailure.busy {
            throw Self.busy
        } catch let error as VaultError where error.isAboutRootKeyFile {
            // No credentials can be checked before the vault is open: the path and its mode are for the log alone.
            logger.error("the root key file does not open the vault", metadata: ["error": "\(error)"])
            throw UnsealAttempt.rootKeyUnusable
        }
        do {
            let caller = attempt.passphrase == nil ? try await attempt.operator(of: opened.server) : nil
            let attempts = state.withLock { $0.refusedAttempts }
            try await opened.server.ledger.commit(
                Entry(audit: [attempt.event(by: caller, refusedAttempts: attempts, at: now())])
            )
            install(opened)
            logger.notice("the vault is unsealed", metadata: ["refused_attempts": "\(attempts)"])
        } catch {
            await opened.server.ledger.close()
            opened.forget()
            if error is OAuthError || error is Challenge { refused(attempt) }
            throw error
        }
    }

    private func begin(_ peer: String) throws {
        if let seconds = throttle.secondsToWait(peer, at: now()) {
            throw HTTPRefusal(
                status: .tooManyRequests, code: OAuthError.Code.slowDown.rawValue,
                detail: "the last attempt failed: wait \(seconds) seconds", headers: [.retryAfter: String(seconds)]
            )
        }
        let isMine = state.withLock { state in
            guard !state.isTurning, !state.isStopping else { return false }
            state.isTurning = true
            return true
        }
        guard isMine else { throw Self.busy }
    }

    private func endTurn() { state.withLock { $0.isTurning = false } }

    private func refused(_ attempt: UnsealAttempt) {
        throttle.failed(attempt.context.peer, at: now())
        let count = state.withLock { state in
            state.refusedAttempts = state.refusedAttempts &+ 1
            return state.refusedAttempts
        }
        logger.warning(
            "an attempt to unseal was refused", metadata: ["peer": "\(attempt.context.peer)", "refused": "\(count)"]
        )
    }

    private static var busy: HTTPRefusal {
        HTTPRefusal(
            status: .serviceUnavailable, code: OAuthError.Code.temporarilyUnavailable.rawValue,
            detail: "the vault is being sealed or unsealed at this moment: try again", headers: [.retryAfter: "1"]
        )
    }

    private func install(_ opened: OpenedServer) {
        let control = SealControl(
            process: process,
            seal: { [weak self] caller in
                guard let self else { throw Self.busy }
                try await self.seal(by: caller)
            }
        )
        let period = SealablePeriod(opened, metrics: metrics, control: control)
        let isStopping = state.withLock { state in
            state.door = .open(period)
            state.refusedAttempts = 0
            return state.isStopping
        }
        if isStopping { period.stop() } else { period.start() }
    }

    private func sealedResponder(_ face: PublicFace, needsPassphrase: Bool) -> SealedResponder {
        SealedResponder(face: face, needsPassphrase: needsPassphrase, metrics: metrics) { [weak self] attempt in
            guard let self else { throw Self.busy }
            try await self.unseal(attempt)
        }
    }

    // MARK: Sealing

    /// Forgets everything that the root key opened, before it returns. Requests under way have `grace` to finish.
    ///
    /// - Parameter caller: an operator whose right was checked, in a request of this server's.
    func seal(by caller: Operator) async throws {
        let period: SealablePeriod? = state.withLock { state in
            guard !state.isTurning, !state.isStopping, case .open(let period) = state.door else { return nil }
            state.isTurning = true
            return period
        }
        guard let period else { throw Self.busy }
        defer { endTurn() }
        try await period.server.ledger.commit(Entry(audit: [caller.sealedVault(at: now())]))
        // Whoever asked may go away: what has begun is finished.
        await Task { await self.close(period) }.value
    }

    private func close(_ period: SealablePeriod) async {
        let needsPassphrase = (try? await opener.needsPassphrase()) ?? true
        let responder = sealedResponder(PublicFace(of: period.server), needsPassphrase: needsPassphrase)
        state.withLock { $0.door = .sealed(responder) }
        // The request that asks for it is under way itself.
        let rest = await period.close(within: Self.grace, besides: 1)
        logger.notice("the vault is sealed", metadata: ["requests_cut": "\(rest)"])
    }

    // MARK: The process

    /// Waits until the process is to stop, and lets those go who follow something.
    package func run() async throws {
        try? await gracefulShutdown()
        let period: SealablePeriod? = state.withLock { state in
            state.isStopping = true
            guard case .open(let period) = state.door else { return nil }
            return period
        }
        guard let period else { return }
        period.stop()
        await period.waitForServices(within: Self.grace)
    }
}
