import OAuth

extension Metrics.Gauges {
    /// The line of signing keys.
    package struct SigningKeys: Sendable {
        /// How many keys an algorithm has in a state.
        struct Count: Sendable {
            let algorithm: String
            let status: String
            let count: Int
        }

        var counts: [Count] = []
        /// When the key that signs came to sign, in seconds since 1970, by algorithm.
        var since: [(algorithm: String, time: Int64)] = []
        var rotations = 0
        var erasures = 0
        var failures = 0

        package init() {}

        init(of server: AuthorizationServer) {
            let keys = server.keys.all(at: server.now())
            for algorithm in Set(keys.map(\.key.stored.algorithm)).sorted() {
                let line = keys.filter { $0.key.stored.algorithm == algorithm }
                for status in OAuth.SigningKeys.Status.allCases {
                    let count = line.count { $0.status == status }
                    counts.append(Count(algorithm: algorithm, status: status.rawValue, count: count))
                }
                if let signing = line.filter({ $0.status == .active }).map(\.key.stored.activeFrom.seconds).max() {
                    since.append((algorithm, signing))
                }
            }
            rotations = server.keyKeeper.tallies.rotations
            erasures = server.keyKeeper.tallies.erasures
            failures = server.keyKeeper.tallies.failures
        }
    }
}

extension MetricsPage {
    /// The line of signing keys.
    mutating func show(_ keys: Metrics.Gauges.SigningKeys) {
        family("legate_signing_keys", "gauge", "Signing keys with a private half, by algorithm and state.")
        for entry in keys.counts {
            sample("legate_signing_keys", [("alg", entry.algorithm), ("state", entry.status)], String(entry.count))
        }
        family(
            "legate_signing_key_active_since_seconds", "gauge", "When the key that signs came to sign, since 1970.")
        for entry in keys.since {
            sample("legate_signing_key_active_since_seconds", [("alg", entry.algorithm)], String(entry.time))
        }
        counter("legate_signing_key_rotations_total", "Next signing keys that were published since the start.")
        sample("legate_signing_key_rotations_total", [], String(keys.rotations))
        counter("legate_signing_key_erasures_total", "Private signing keys that were erased since the start.")
        sample("legate_signing_key_erasures_total", [], String(keys.erasures))
        counter("legate_signing_key_failures_total", "Looks after the signing keys that failed since the start.")
        sample("legate_signing_key_failures_total", [], String(keys.failures))
    }
}
