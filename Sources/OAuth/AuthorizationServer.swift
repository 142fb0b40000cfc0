package import JOSE
package import Revocations
package import Vault

/// The authorization server put together: the lists of what it can do, and the endpoints over them.
///
/// Metadata is derived from these lists, so that nothing is advertised that does not work. To add a grant, an
/// authentication method or a policy rule: one file in its folder, one line here.
package struct AuthorizationServer: Sendable {
    package let issuer: IssuerURL
    package let registry: Registry
    package let revocations: RevocationSet
    package let revocationFeed: RevocationFeed
    package let statusLists: StatusListPublisher
    package let spiffeBundles: SPIFFEBundles
    package let feedAccess: FeedAccess
    package let keys: SigningKeys
    package let ledger: Ledger
    package let verifier: TokenVerifier
    package let possession: PossessionCheck
    private let misuses = DenialRecords()
    package let tokenEndpoint: TokenEndpoint
    package let introspection: Introspection
    package let revocationEndpoint: RevocationEndpoint
    package let checkEndpoint: CheckEndpoint
    package let registrar: Registrar
    package let revocationDesk: RevocationDesk
    package let taskDesk: TaskDesk
    package let subjectDesk: SubjectDesk
    package let ownerDesk: OwnerDesk
    package let eventIntake: EventIntake
    package let streamDesk: StreamDesk
    package let eventDispatcher: EventDispatcher
    package let keyDesk: KeyDesk
    package let keyKeeper: KeyKeeper
    package let secretDesk: SecretDesk
    package let rotationDesk: RotationDesk
    package let clientSecretDesk: ClientSecretDesk
    package let wrapDesk: WrapDesk
    package let canaryDesk: CanaryDesk
    package let canaryWatch: CanaryWatch
    package let connectionKeeper: ConnectionKeeper
    package let connectionDesk: ConnectionDesk
    package let leaseSweep: LeaseSweep
    package let backupDesk: BackupDesk
    package let keyringDesk: KeyringDesk
    let boxAlarm: BoxAlarm
    package let auditTrail: AuditTrail
    package let store: any Store
    package let now: Now
    package let metadata: ServerMetadata
    private let authenticator: ClientAuthenticator
    private let steadyTime: SteadyTime

    /// What only the composition root has.
    package struct Foundations: Sendable {
        package let issuer: IssuerURL
        package let store: any Store
        package let snapshot: Snapshot
        package let barrier: Barrier
        package let digestKey: DigestKey
        package let auditKey: AuditKey
        package let fetcher: any Fetcher
        package let courier: any EventCourier
        package let now: Now
        package let observer: Ledger.Observer
        /// Seconds for which a status list may be kept.
        package let statusListLifetime: Int
        /// Told of what a person has to look at now.
        package let bell: AlarmBell
        /// Where the root key file is, or would be.
        package let rootKeyPath: String?
        /// Tells a clock that was set from one that went on; nil believes `now`.
        package var uptime: Uptime?
        /// Seconds for which tombstones, spent assertions and the like are kept when they have expired.
        package var afterlife = 0
        /// When signing keys change by themselves.
        package let keySchedule: KeySchedule
        /// Whether DPoP proofs for `/token` and Legate's own APIs have to carry a nonce.
        package var wantsDPoPNonce = false
        /// Scheme, host and port where clients show certificates (RFC 8705 section 5); nil when nobody asks for any.
        package var certificateOrigin: String?

        package init(
            issuer: IssuerURL, store: any Store, snapshot: Snapshot, barrier: Barrier, digestKey: DigestKey,
            auditKey: AuditKey, fetcher: any Fetcher, courier: any EventCourier, now: @escaping Now,
            observer: @escaping Ledger.Observer = { _, _ in },
            statusListLifetime: Int = StatusListPublisher.defaultLifetime, bell: @escaping AlarmBell = { _ in },
            rootKeyPath: String? = nil, keySchedule: KeySchedule = KeySchedule(period: KeySchedule.usualPeriod)
        ) {
            self.issuer = issuer
            self.store = store
            self.snapshot = snapshot
            self.barrier = barrier
            self.digestKey = digestKey
            self.auditKey = auditKey
            self.fetcher = fetcher
            self.courier = courier
            self.now = now
            self.observer = observer
            self.statusListLifetime = statusListLifetime
            self.bell = bell
            self.rootKeyPath = rootKeyPath
            self.keySchedule = keySchedule
        }
    }

    package init(_ foundations: Foundations) throws {
        issuer = foundations.issuer
        now = foundations.now
        let steadyTime = SteadyTime(now: now, uptime: foundations.uptime, afterlife: foundations.afterlife)
        self.steadyTime = steadyTime
        store = foundations.store
        registry = Registry(
            issuer: issuer, snapshot: foundations.snapshot, takesCertificates: foundations.certificateOrigin != nil
        )
        revocations = foundations.snapshot.revocations
        keys = try SigningKeys(opening: foundations.snapshot.signingKeys, with: foundations.barrier)
        revocationFeed = RevocationFeed(
            issuer: issuer, keys: keys, revocations: foundations.snapshot.recentRevocations,
            lastSequence: foundations.snapshot.lastRevocation, at: now()
        )
        statusLists = StatusListPublisher(
            issuer: issuer, keys: keys, registry: registry, revocations: revocations, feed: revocationFeed,
            lifetime: foundations.statusListLifetime
        )
        let signatures = SignatureBudget()
        verifier = TokenVerifier(
            issuer: issuer, keys: keys, registry: registry, revocations: revocations, budget: signatures
        )
        possession = PossessionCheck(registry: registry, start: now(), wantsNonce: foundations.wantsDPoPNonce)
        ledger = Ledger(
            store: store, registry: registry, revocations: revocations, feed: revocationFeed,
            head: foundations.snapshot.auditHead, lastIssued: foundations.snapshot.lastIssued,
            auditKey: foundations.auditKey, now: now, afterlife: foundations.afterlife,
            observer: foundations.observer
        )
        boxAlarm = BoxAlarm(barrier: foundations.barrier, ledger: ledger, bell: foundations.bell, now: now)
        let keySets = KeySets(fetcher: foundations.fetcher, now: now)
        let foreign = ForeignTokenVerifier(registry: registry, keySets: keySets)
        spiffeBundles = SPIFFEBundles(registry: registry, fetcher: foundations.fetcher, now: now)
        let workloads = WorkloadVerifier(foreign: foreign, bundles: spiffeBundles)
        let custodian = KeyCustodian(keys: keys, barrier: foundations.barrier)

        let succession = SecretSuccession(store: store, ledger: ledger)
        canaryWatch = CanaryWatch(
            registry: registry, digests: foundations.digestKey, ledger: ledger, now: now, bell: foundations.bell
        )
        authenticator = ClientAuthenticator(
            methods: [
                ClientSecretMethod(registry: registry, digests: foundations.digestKey, succession: succession),
                PrivateKeyJWTMethod(registry: registry, keySets: keySets, workloads: workloads),
                SPIFFEJWTMethod(workloads: workloads),
                CertificateMethod(registry: registry, keySets: keySets, bundles: spiffeBundles),
                WorkloadMethod(workloads: workloads),
            ], takesCertificates: foundations.certificateOrigin != nil, canaries: canaryWatch
        )
        let grants: [any Grant] = [
            ClientCredentials(registry: registry),
            TokenExchange(registry: registry, verifier: verifier, foreign: foreign, workloads: workloads),
        ]
        let policy = Policy(
            rules: [
                PresenterEntitled(), DelegationLive(), TargetGranted(), CredentialByExchange(), ChainIntact(),
                NamesOpen(), TaskWithinLimits(), PossessionKept(),
            ], registry: registry
        )

        connectionKeeper = ConnectionKeeper(
            registry: registry, barrier: foundations.barrier, ledger: ledger, fetcher: foundations.fetcher,
            alarm: boxAlarm, bell: foundations.bell, now: now
        )
        secretDesk = SecretDesk(
            registry: registry, revocations: revocations, barrier: foundations.barrier, store: store, ledger: ledger,
            alarm: boxAlarm, now: now, materials: [.oauth: connectionKeeper]
        )
        connectionDesk = ConnectionDesk(
            issuer: issuer, registry: registry, secrets: secretDesk, keeper: connectionKeeper,
            digests: foundations.digestKey, ledger: ledger, now: now
        )
        wrapDesk = WrapDesk(secrets: secretDesk, digests: foundations.digestKey, bell: foundations.bell)
        canaryDesk = CanaryDesk(
            registry: registry, keys: keys, digests: foundations.digestKey, ledger: ledger, now: now
        )
        tokenEndpoint = TokenEndpoint(
            grants: grants, authenticator: authenticator, possession: possession, policy: policy,
            mint: TokenMint(issuer: issuer, keys: keys, statusLists: registry.statusLists),
            credentials: CredentialExchange(secrets: secretDesk), canaries: canaryWatch, ledger: ledger,
            revocations: revocations, now: now
        )
        introspection = Introspection(
            authenticator: authenticator, verifier: verifier, registry: registry, keys: keys, canaries: canaryWatch,
            ledger: ledger, now: now
        )
        revocationEndpoint = RevocationEndpoint(
            authenticator: authenticator, verifier: verifier, revocations: revocations, canaries: canaryWatch,
            ledger: ledger, now: now, steady: { steadyTime.time }
        )
        checkEndpoint = CheckEndpoint(
            authenticator: authenticator, verifier: verifier, registry: registry, possession: possession,
            broker: CredentialBroker(secrets: secretDesk), ledger: ledger, now: now
        )
        let secretMaker = ClientSecretMaker(registry: registry, digests: foundations.digestKey, desk: secretDesk)
        registrar = Registrar(
            registry: registry, revocations: revocations, keys: custodian, digests: foundations.digestKey,
            secrets: secretMaker, ledger: ledger, now: now
        )
        clientSecretDesk = ClientSecretDesk(
            authenticator: authenticator, maker: secretMaker, registry: registry, succession: succession,
            ledger: ledger, now: now
        )
        rotationDesk = RotationDesk(
            steps: RotationSteps(
                registry: registry, alarm: boxAlarm, desk: secretDesk, maker: secretMaker, keys: keys, store: store,
                ledger: ledger, courier: foundations.courier, now: now
            )
        )
        feedAccess = FeedAccess(
            authenticator: authenticator, verifier: verifier, registry: registry, ledger: ledger, now: now
        )
        revocationDesk = RevocationDesk(
            registry: registry, revocations: revocations, keys: custodian, ledger: ledger, now: now
        )
        taskDesk = TaskDesk(authenticator: authenticator, registry: registry, ledger: ledger, now: now)
        subjectDesk = SubjectDesk(registry: registry, store: store, ledger: ledger, now: now)
        ownerDesk = OwnerDesk(registry: registry, ledger: ledger, now: now)
        eventIntake = EventIntake(
            registry: registry, keySets: keySets, subjects: subjectDesk, store: store, ledger: ledger,
            signatures: signatures, now: now
        )
        streamDesk = StreamDesk(
            issuer: issuer, registry: registry, keys: keys, store: store, ledger: ledger, now: now
        )
        eventDispatcher = EventDispatcher(
            registry: registry, keys: keys, custodian: custodian, store: store, ledger: ledger,
            courier: foundations.courier, alarm: boxAlarm, now: now
        )
        leaseSweep = LeaseSweep(store: store, ledger: ledger, feed: revocationFeed, now: now) { [registry] in
            registry.rotations(after: $0, at: $1)
        }
        keyringDesk = KeyringDesk(
            barrier: foundations.barrier, store: store, ledger: ledger, rootKeyPath: foundations.rootKeyPath, now: now,
            alarm: boxAlarm
        )
        backupDesk = BackupDesk(
            issuer: issuer, barrier: foundations.barrier, store: store, ledger: ledger, now: now
        )
        keyKeeper = KeyKeeper(
            custodian: custodian, schedule: foundations.keySchedule, feed: revocationFeed, store: store, ledger: ledger,
            now: now
        )
        keyDesk = KeyDesk(keeper: keyKeeper)
        auditTrail = AuditTrail(
            store: store, registry: registry, revocations: revocations, keys: keys, auditKey: foundations.auditKey,
            ledger: ledger, now: now
        )
        metadata = ServerMetadata(
            issuer: issuer, grants: grants.map { type(of: $0).type },
            authenticationMethods: authenticator.advertisedMethods,
            assertionAlgorithms: PrivateKeyJWTMethod.algorithms, certificateOrigin: foundations.certificateOrigin
        )
    }

    /// Puts an operator's refused call into the audit trail.
    package func recordRefusal(_ error: OAuthError, by caller: Operator) async throws {
        let event = caller.event(.adminRefused, .deny, rule: error.rule, reason: error.description, at: now())
        try await ledger.commit(Entry(audit: [event]))
    }

    /// Puts into the audit trail that a live token came from somebody who did not prove to be its holder. Who is asked
    /// for a nonce has done nothing wrong: every client begins so.
    package func recordMisuse(
        of token: AccessToken, _ error: OAuthError, in context: RequestContext
    ) async throws {
        let time = now()
        guard error.code != .useDPoPNonce, misuses.admits(token, at: time) else { return }
        var event = AuditEvent(timestamp: time.milliseconds, name: .tokenMisused, decision: .deny)
        event.describe(context)
        event.describe(token)
        event.policyEvaluation = .init(verdict: "refuse", rule: error.rule, reason: error.detail ?? error.description)
        try await ledger.commit(Entry(audit: [event]))
    }

    /// Forgets what no live token can carry any more. Run every minute or so.
    package func prune() async throws {
        let time = steadyTime.forgetting
        revocations.prune(at: time.seconds)
        registry.prune(at: time)
        statusLists.prune()
        streamDesk.prune(at: time)
        try await eventDispatcher.prune(at: time)
        // Tombstones go only when the leases that they end are marked.
        try await leaseSweep.sweep()
        try await store.prune(at: time)
    }
}

extension AuditEvent.Name {
    /// A live token was sent without the proof of what it is bound to (RFC 9449, RFC 8705).
    package static let tokenMisused = Self(rawValue: "token.misused")
}
