extension MetricsPage {
    /// Who is at the door.
    mutating func show(_ tallies: Doorkeeper.Tallies) {
        gauge("legate_http_connections", "Connections that are open.", String(tallies.open))
        counter("legate_http_connections_evicted_total", "Idle connections closed to make room for others.")
        sample("legate_http_connections_evicted_total", [], String(tallies.evicted))
        counter("legate_http_connections_refused_total", "Connections refused: everybody else was being answered.")
        sample("legate_http_connections_refused_total", [], String(tallies.turnedAway))
        counter("legate_http_connections_timed_out_total", "Connections closed because a head did not come in time.")
        sample("legate_http_connections_timed_out_total", [], String(tallies.timedOut))
    }
}
