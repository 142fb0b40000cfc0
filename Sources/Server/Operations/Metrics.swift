import Glibc
package import OAuth
import Synchronization

/// Counters and histograms in the process, shown as Prometheus text. Label values come from closed sets alone, so that
/// no request can make a new series.
package final class Metrics: Sendable {
    /// The routes that are told apart.
    package struct Route: Sendable, Equatable {
        package let name: String
        fileprivate let index: Int

        private init(_ index: Int, _ name: String) {
            self.index = index
            self.name = name
        }

        package static let token = Route(0, "token")
        package static let introspect = Route(1, "introspect")
        package static let revoke = Route(2, "revoke")
        package static let metadata = Route(3, "metadata")
        package static let jwks = Route(4, "jwks")
        package static let resourceMetadata = Route(5, "resource_metadata")
        package static let authorize = Route(6, "authorize")
        package static let admin = Route(7, "admin")
        package static let health = Route(8, "health")
        package static let metrics = Route(9, "metrics")
        package static let other = Route(10, "other")

        fileprivate static let all: [Route] = [
            token, introspect, revoke, metadata, jwks, resourceMetadata, authorize, admin, health, metrics, other,
        ]
    }

    package enum Outcome: String, Sendable, CaseIterable {
        case success, clientError = "client_error", serverError = "server_error"

        package init(status: Int) {
            self = status < 400 ? .success : status < 500 ? .clientError : .serverError
        }

        fileprivate var index: Int { self == .success ? 0 : self == .clientError ? 1 : 2 }
    }

    package enum Grant: String, Sendable, CaseIterable {
        case clientCredentials = "client_credentials"
        case tokenExchange = "token_exchange"

        fileprivate var index: Int { self == .clientCredentials ? 0 : 1 }
    }

    /// What is read at the moment of asking.
    package struct Gauges: Sendable {
        package let liveRevocations: Int
        package let clients: Int
        package let auditSequence: Int64

        package init(liveRevocations: Int, clients: Int, auditSequence: Int64) {
            self.liveRevocations = liveRevocations
            self.clients = clients
            self.auditSequence = auditSequence
        }
    }

    private final class Counter: Sendable {
        private let value = Atomic<UInt64>(0)
        func add(_ amount: UInt64 = 1) { value.wrappingAdd(amount, ordering: .relaxed) }
        var total: UInt64 { value.load(ordering: .relaxed) }
    }

    /// Cumulative buckets, and the sum in units of a millionth.
    private struct Histogram: Sendable {
        let bounds: [Double]
        let buckets: [Counter]
        let sum = Counter()

        init(bounds: [Double]) {
            self.bounds = bounds
            buckets = (0...bounds.count).map { _ in Counter() }
        }

        func observe(_ value: Double) {
            let index = bounds.firstIndex { value <= $0 } ?? bounds.count
            buckets[index].add()
            sum.add(UInt64(clamping: Int64(value * 1_000_000)))
        }
    }

    private static let seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

    private let requests: [[Counter]] = Route.all.map { _ in Outcome.allCases.map { _ in Counter() } }
    private let durations: [Histogram] = Route.all.map { _ in Histogram(bounds: Metrics.seconds) }
    private let issued: [Counter] = Grant.allCases.map { _ in Counter() }
    private let refused: [OAuthError.Code: Counter]
    private let batchSizes = Histogram(bounds: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
    private let batchDurations = Histogram(bounds: Metrics.seconds)

    package init() {
        refused = Dictionary(uniqueKeysWithValues: OAuthError.Code.allCases.map { ($0, Counter()) })
    }

    package func request(route: Route, outcome: Outcome, duration: Duration) {
        requests[route.index][outcome.index].add()
        durations[route.index].observe(duration.seconds)
    }

    package func tokenIssued(_ grant: Grant) { issued[grant.index].add() }
    package func tokenRefused(_ code: OAuthError.Code) { refused[code]?.add() }

    package func batch(size: Int, duration: Duration) {
        batchSizes.observe(Double(size))
        batchDurations.observe(duration.seconds)
    }

    /// Prometheus text format 0.0.4.
    package func render(gauges: Gauges) -> [UInt8] {
        var page = Page()
        page.family("legate_requests_total", "counter", "Requests by route and outcome.")
        for route in Route.all {
            for outcome in Outcome.allCases {
                let total = requests[route.index][outcome.index].total
                page.sample(
                    "legate_requests_total", [("route", route.name), ("outcome", outcome.rawValue)], "\(total)")
            }
        }
        page.family("legate_request_duration_seconds", "histogram", "Time from the request's head to the answer.")
        for route in Route.all {
            page.add(durations[route.index], "legate_request_duration_seconds", [("route", route.name)])
        }
        page.family("legate_tokens_issued_total", "counter", "Access tokens issued, by grant.")
        for grant in Grant.allCases {
            page.sample("legate_tokens_issued_total", [("grant", grant.rawValue)], "\(issued[grant.index].total)")
        }
        page.family("legate_tokens_refused_total", "counter", "Token requests refused, by error code.")
        for code in OAuthError.Code.allCases {
            page.sample("legate_tokens_refused_total", [("error", code.rawValue)], "\(refused[code]?.total ?? 0)")
        }
        page.family("legate_commit_batch_size", "histogram", "Entries committed in one transaction.")
        page.add(batchSizes, "legate_commit_batch_size", [])
        page.family("legate_commit_duration_seconds", "histogram", "Time of one ledger transaction, sync included.")
        page.add(batchDurations, "legate_commit_duration_seconds", [])
        page.gauge("legate_live_revocations", "Tombstones in force.", "\(gauges.liveRevocations)")
        page.gauge("legate_clients", "Registered clients.", "\(gauges.clients)")
        page.gauge("legate_audit_sequence", "Number of the last audit record.", "\(gauges.auditSequence)")
        if let memory = Self.residentBytes() {
            page.gauge("process_resident_memory_bytes", "Resident memory.", "\(memory)")
        }
        return Array(page.text.utf8)
    }

    private struct Page {
        var text = ""

        mutating func family(_ name: String, _ type: String, _ help: String) {
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
        }

        mutating func gauge(_ name: String, _ help: String, _ value: String) {
            family(name, "gauge", help)
            sample(name, [], value)
        }

        mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
            let pairs = labels.map { "\($0.0)=\"\($0.1)\"" }.joined(separator: ",")
            text += pairs.isEmpty ? "\(name) \(value)\n" : "\(name){\(pairs)} \(value)\n"
        }

        mutating func add(_ histogram: Histogram, _ name: String, _ labels: [(String, String)]) {
            var total: UInt64 = 0
            for (index, bucket) in histogram.buckets.enumerated() {
                total += bucket.total
                let bound = index < histogram.bounds.count ? "\(histogram.bounds[index])" : "+Inf"
                sample(name + "_bucket", labels + [("le", bound)], "\(total)")
            }
            sample(name + "_sum", labels, "\(Double(histogram.sum.total) / 1_000_000)")
            sample(name + "_count", labels, "\(total)")
        }
    }

    /// From `/proc/self/statm`, in pages.
    private static func residentBytes() -> Int? {
        let descriptor = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { _ = close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { return nil }
        let fields = String(decoding: buffer.prefix(count), as: UTF8.self).split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return nil }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}

extension Duration {
    /// Seconds with fraction.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
