extension MetricsPage {
    /// The accounts at third parties.
    mutating func show(_ connections: Metrics.Gauges.Connections) {
        counter("legate_connection_refreshes_total", "Access tokens that providers gave since the start.")
        sample("legate_connection_refreshes_total", [], String(connections.refreshed))
        counter("legate_connection_refresh_failures_total", "Attempts to refresh that failed since the start.")
        sample("legate_connection_refresh_failures_total", [], String(connections.failed))
        gauge(
            "legate_connections_broken", "Accounts that a person has to connect again.", String(connections.broken))
    }
}
