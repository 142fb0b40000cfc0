extension MetricsPage {
    /// The rotations of secrets.
    mutating func show(_ rotations: Metrics.Gauges.Rotations) {
        counter("legate_secret_rotations_total", "Rotations of secrets since the start.")
        sample("legate_secret_rotations_total", [], String(rotations.done))
        counter("legate_secret_rotation_failures_total", "Attempts to rotate a secret that failed since the start.")
        sample("legate_secret_rotation_failures_total", [], String(rotations.failed))
        gauge("legate_secrets_overdue", "Secrets that should have rotated a minute ago.", String(rotations.overdue))
    }
}
