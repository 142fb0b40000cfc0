import Synchronization

/// What the metrics tell of TLS. Nothing, as long as there is no certificate.
package final class TLSTally: Sendable {
    struct Values: Sendable {
        /// Seconds since 1970; nil without TLS.
        var notAfter: Int64?
        var reloads = 0
        var refusals = 0
    }

    private let state = Mutex(Values())

    var values: Values { state.withLock { $0 } }

    /// The certificate that is served ends then, in seconds since 1970.
    package func serves(until notAfter: Int64) { state.withLock { $0.notAfter = notAfter } }

    /// New files are served.
    package func reloaded() { state.withLock { $0.reloads &+= 1 } }

    /// New files are not usable; the old ones stay.
    package func refused() { state.withLock { $0.refusals &+= 1 } }
}

extension MetricsPage {
    /// The certificate and its replacements.
    mutating func show(_ tls: TLSTally.Values) {
        guard let notAfter = tls.notAfter else { return }
        gauge(
            "legate_tls_certificate_expiry_timestamp_seconds", "When the certificate that is served ends.",
            String(notAfter)
        )
        counter("legate_tls_reloads_total", "Times that changed certificate files were taken up since the start.")
        sample("legate_tls_reloads_total", [], String(tls.reloads))
        counter("legate_tls_reload_failures_total", "Times that changed certificate files were not usable.")
        sample("legate_tls_reload_failures_total", [], String(tls.refusals))
    }
}
