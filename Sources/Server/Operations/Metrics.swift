package import OAuth
import Synchronization

/// Counters and histograms in the process, shown as Prometheus text. Label values come from closed sets alone, so that
/// no request can make a new series.
package final class Metrics: Sendable {
    /// The routes that are told apart.
    package enum Route: Int, Sendable, CaseIterable {
        case token, introspect, revoke, check, task, event, metadata, jwks, resourceMetadata, authorize, admin, vault,
            feed,
            statusList, eventStream, clientSecret, health, metrics, other

        package var name: String {
            switch self {
            case .token: "token"
            case .introspect: "introspect"
            case .revoke: "revoke"
            case .check: "check"
            case .task: "task"
            case .event: "event"
            case .metadata: "metadata"
            case .jwks: "jwks"
            case .resourceMetadata: "resource_metadata"
            case .authorize: "authorize"
            case .admin: "admin"
            case .vault: "vault"
            case .feed: "revocations"
            case .statusList: "status_list"
            case .eventStream: "event_stream"
            case .clientSecret: "client_secret"
            case .health: "health"
            case .metrics: "metrics"
            case .other: "other"
            }
        }
    }

    package enum Outcome: Int, Sendable, CaseIterable {
        case success, clientError, serverError

        package init(status: Int) {
            self = status < 400 ? .success : status < 500 ? .clientError : .serverError
        }

        fileprivate var name: String {
            switch self {
            case .success: "success"
            case .clientError: "client_error"
            case .serverError: "server_error"
            }
        }
    }

    package enum Grant: Int, Sendable, CaseIterable {
        case clientCredentials, tokenExchange

        fileprivate var name: String {
            switch self {
            case .clientCredentials: "client_credentials"
            case .tokenExchange: "token_exchange"
            }
        }
    }

    /// How forward authentication ended.
    package enum Check: Sendable, Hashable, CaseIterable {
        case allowed
        case refused(CheckRefusal.Kind)
        /// The decision could not be recorded.
        case unavailable

        package static var allCases: [Check] {
            [.allowed, .unavailable] + CheckRefusal.Kind.allCases.map(Check.refused)
        }

        fileprivate var name: String {
            switch self {
            case .allowed: "allowed"
            case .refused(let kind): kind.rawValue
            case .unavailable: "unavailable"
            }
        }
    }

    /// What is read at the moment of asking.
    package struct Gauges: Sendable {
        package let liveRevocations: Int
        package let clients: Int
        package let auditSequence: Int64
        package let rotations: Rotations
        package let connections: Connections
        package let signingKeys: SigningKeys
        /// DPoP proofs that are remembered, so that none is used twice.
        package var rememberedProofs = 0
        /// Trust domains whose bundle could not be refreshed the last time.
        package var staleBundles = 0

        package init(
            liveRevocations: Int, clients: Int, auditSequence: Int64, rotations: Rotations = Rotations(),
            connections: Connections = Connections(), signingKeys: SigningKeys = SigningKeys()
        ) {
            self.liveRevocations = liveRevocations
            self.clients = clients
            self.auditSequence = auditSequence
            self.rotations = rotations
            self.connections = connections
            self.signingKeys = signingKeys
        }

        /// The accounts at third parties.
        package struct Connections: Sendable {
            package var refreshed = 0
            package var failed = 0
            package var broken = 0

            package init(refreshed: Int = 0, failed: Int = 0, broken: Int = 0) {
                self.refreshed = refreshed
                self.failed = failed
                self.broken = broken
            }
        }

        /// How the secrets change by themselves.
        package struct Rotations: Sendable {
            package var done = 0
            package var failed = 0
            package var overdue = 0

            package init(done: Int = 0, failed: Int = 0, overdue: Int = 0) {
                self.done = done
                self.failed = failed
                self.overdue = overdue
            }
        }
    }

    /// What one route has seen.
    private struct Traffic: Sendable {
        let requests = Outcome.allCases.map { _ in Counter() }
        let durations = Histogram.seconds()
    }

    /// The certificate that is served.
    package let tls = TLSTally()
    private let version: String
    private let traffic = Route.allCases.map { _ in Traffic() }
    private let issued = Grant.allCases.map { _ in Counter() }
    private let refused: [OAuthError.Code: Counter]
    private let checks = Dictionary(uniqueKeysWithValues: Check.allCases.map { ($0, Counter()) })
    private let authenticationFailures = Counter()
    private let alarms = Dictionary(uniqueKeysWithValues: Alarm.Kind.allCases.map { ($0, Counter()) })
    private let batchSizes = Histogram.counts()
    private let batchDurations = Histogram.seconds()
    private let doorkeeper = Mutex<Doorkeeper?>(nil)

    /// - Parameter version: of this build, for `legate_build_info`.
    package init(version: String = "0.1.0") {
        self.version = version
        refused = Dictionary(uniqueKeysWithValues: OAuthError.Code.allCases.map { ($0, Counter()) })
    }

    package func request(route: Route, outcome: Outcome, duration: Duration) {
        traffic[route.rawValue].requests[outcome.rawValue].add()
        traffic[route.rawValue].durations.observe(duration)
    }

    package func tokenIssued(_ grant: Grant) { issued[grant.rawValue].add() }

    /// Counts a refusal; `invalid_client` is a failed authentication too.
    package func tokenRefused(_ code: OAuthError.Code) {
        refused[code]?.add()
        if code == .invalidClient { authenticationFailed() }
    }

    /// Whoever counts the connections.
    func doorkeeper(_ doorkeeper: Doorkeeper) { self.doorkeeper.withLock { $0 = doorkeeper } }

    package func check(_ outcome: Check) { checks[outcome]?.add() }

    /// A client that did not prove to be who it says, at whatever endpoint.
    package func authenticationFailed() { authenticationFailures.add() }

    /// Something that a person has to look at now.
    package func alarm(_ kind: Alarm.Kind) { alarms[kind]?.add() }

    /// One transaction of the ledger.
    package func batch(size: Int, duration: Duration) {
        batchSizes.observe(UInt64(clamping: size))
        batchDurations.observe(duration)
    }

    /// Prometheus text format 0.0.4.
    ///
    /// - Parameter gauges: nil while the vault is sealed, when there is nothing to read.
    package func render(gauges: Gauges?) -> [UInt8] {
        var page = MetricsPage()
        page.counter("legate_requests_total", "Requests by route and outcome.")
        for route in Route.allCases {
            for outcome in Outcome.allCases {
                page.sample(
                    "legate_requests_total", [("route", route.name), ("outcome", outcome.name)],
                    String(traffic[route.rawValue].requests[outcome.rawValue].total)
                )
            }
        }
        page.histogram("legate_request_duration_seconds", "Time from the request's head to the answer.")
        for route in Route.allCases {
            page.samples("legate_request_duration_seconds", [("route", route.name)], traffic[route.rawValue].durations)
        }
        page.counter("legate_tokens_issued_total", "Access tokens issued, by grant.")
        for grant in Grant.allCases {
            page.sample("legate_tokens_issued_total", [("grant", grant.name)], String(issued[grant.rawValue].total))
        }
        page.counter("legate_tokens_refused_total", "Token requests refused, by error code.")
        for code in OAuthError.Code.allCases {
            page.sample("legate_tokens_refused_total", [("error", code.rawValue)], String(refused[code]?.total ?? 0))
        }
        page.counter("legate_checks_total", "Forward authentication, by outcome.")
        for outcome in Check.allCases {
            page.sample("legate_checks_total", [("outcome", outcome.name)], String(checks[outcome]?.total ?? 0))
        }
        page.counter("legate_authentication_failures_total", "Requests whose client did not prove who it is.")
        page.sample("legate_authentication_failures_total", [], String(authenticationFailures.total))
        page.counter("legate_alarms_total", "What a person has to look at, by kind.")
        for kind in Alarm.Kind.allCases {
            page.sample("legate_alarms_total", [("alarm", kind.rawValue)], String(alarms[kind]?.total ?? 0))
        }
        page.histogram("legate_commit_batch_size", "Entries committed in one transaction.")
        page.samples("legate_commit_batch_size", [], batchSizes)
        page.histogram("legate_commit_duration_seconds", "Time of one ledger transaction, sync included.")
        page.samples("legate_commit_duration_seconds", [], batchDurations)
        page.gauge("legate_vault_sealed", "1 while the vault is sealed, else 0.", gauges == nil ? "1" : "0")
        if let gauges {
            page.gauge("legate_live_revocations", "Tombstones in force.", String(gauges.liveRevocations))
            page.gauge("legate_clients", "Registered clients.", String(gauges.clients))
            page.gauge("legate_audit_sequence", "Number of the last audit record.", String(gauges.auditSequence))
            page.show(gauges.rotations)
            page.gauge(
                "legate_dpop_proofs", "DPoP proofs that are remembered, of 2000000 at most.",
                String(gauges.rememberedProofs)
            )
            page.gauge(
                "legate_spiffe_bundles_stale", "Trust domains whose bundle could not be refreshed the last time.",
                String(gauges.staleBundles)
            )
            page.show(gauges.connections)
            page.show(gauges.signingKeys)
        }
        if let tallies = doorkeeper.withLock({ $0?.tallies }) { page.show(tallies) }
        page.show(tls.values)
        if let memory = ResidentMemory.bytes() {
            page.gauge("process_resident_memory_bytes", "Resident memory.", String(memory))
        }
        page.gauge("legate_build_info", "The build that runs.", labels: [("version", version)], "1")
        return page.bytes
    }
}
