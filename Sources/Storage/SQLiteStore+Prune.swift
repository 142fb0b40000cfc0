import GRDB
package import OAuth

extension SQLiteStore {
    /// Seconds that a delegation stays in lists after it has expired.
    static let expiredDelegationsKept = 90 * 86_400
    /// Rows that one transaction forgets, so that no commit waits long for it.
    private static let pruneSize = 1000

    package func prune(at now: Timestamp) async throws {
        // What no lease was compared with yet is kept, or the lease would come back to life.
        try await prune(
            "revocations", key: "seq", where: "expires <= ? AND seq <= (SELECT swept FROM lease_sweep)", now
        )
        try await prune("leases", key: "lease_id", where: "expires_at <= ?", now)
        try await prune("wraps", key: "digest", where: "forget_at <= ?", now)
        try await prune("spent", key: "digest", where: "expires <= ?", now)
        try await prune("tasks", key: "task", where: "forget_at <= ?", now)
        try await prune("status_entries", key: "jti", where: "expires_at <= ?", now)
        try await prune("closed_names", key: "id", where: "until <= ?", now)
        try await prune(
            "delegations", key: "delegation_id", where: "expires_at <= ?",
            now.adding(seconds: -Self.expiredDelegationsKept)
        )
    }

    private func prune(_ table: String, key: String, where condition: String, _ time: Timestamp) async throws {
        let sql = """
            DELETE FROM \(table) WHERE \(condition) AND \(key) IN
            (SELECT \(key) FROM \(table) WHERE \(condition) LIMIT \(Self.pruneSize))
            """
        while true {
            try Task.checkCancellation()
            let deleted = try await pool.write { database in
                try database.run(sql) { row in
                    row.add(time)
                    row.add(time)
                }
            }
            checkpointer.committed()
            if deleted < Self.pruneSize { return }
        }
    }
}
