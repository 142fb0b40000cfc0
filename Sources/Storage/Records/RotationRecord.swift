import GRDB
import OAuth

/// `rotations`: when secrets change by themselves. Rows go with their secret.
enum RotationRecord {
    private static let columns = [
        "every", "since", "due_at", "next_at", "pending", "announcement", "pending_digest", "failures", "reason",
        "revision",
    ]
    private static let list = columns.joined(separator: ", ")
    private static let insert = """
        INSERT INTO rotations (\(list), secret)
        SELECT \(columns.map { _ in "?" }.joined(separator: ", ")), number FROM secrets WHERE name = ?
        """
    private static let update = """
        UPDATE rotations SET \(columns.map { "\($0) = ?" }.joined(separator: ", "))
        WHERE secret = (SELECT number FROM secrets WHERE name = ?) AND revision = ?
        """

    /// Stores a plan: a new one, or the successor of a revision.
    static func keep(_ plan: RotationPlan, from revision: Int?, in database: Database) throws {
        let name = plan.secret.text
        guard let revision else {
            do {
                let inserted = try database.run(insert) { write(plan, to: &$0) }
                guard inserted == 1 else { throw CommitFailure.missing(name) }
            } catch let error as DatabaseError where error.isDuplicate {
                throw CommitFailure.exists(name)
            }
            return
        }
        let changed = try database.run(update) { row in
            write(plan, to: &row)
            row.add(revision)
        }
        guard changed == 1 else {
            let isThere = try database.first(
                "SELECT 1 FROM rotations WHERE secret = (SELECT number FROM secrets WHERE name = ?)",
                { $0.add(name) }, { _ in true }
            )
            throw isThere == true ? CommitFailure.stale(name) : .missing(name)
        }
    }

    static func drop(_ name: SecretName, in database: Database) throws {
        try database.run("DELETE FROM rotations WHERE secret = (SELECT number FROM secrets WHERE name = ?)") {
            $0.add(name.text)
        }
    }

    static func hasten(_ name: SecretName, at time: Timestamp, in database: Database) throws {
        try database.run(
            """
            UPDATE rotations SET due_at = min(due_at, ?1), next_at = min(next_at, ?1), revision = revision + 1
            WHERE secret = (SELECT number FROM secrets WHERE name = ?2)
            """
        ) { row in
            row.add(time)
            row.add(name.text)
        }
    }

    static func all(in database: Database) throws -> [RotationPlan] {
        try database.all(
            """
            SELECT name, every, since, due_at, next_at, pending, announcement, pending_digest, failures, reason, r.revision
            FROM rotations r JOIN secrets s ON s.number = r.secret ORDER BY r.secret
            """
        ) { row in
            let text = row.text(0)
            guard let name = SecretName(text) else { throw StorageError.malformedRow(table: "rotations", id: text) }
            return RotationPlan(
                secret: name, every: row.number(1), since: row.time(2), dueAt: row.time(3), nextAt: row.time(4),
                pending: row.optionalNumber(5).map {
                    .init(version: $0, announcement: row.text(6), digest: row.optionalBlob(7))
                },
                failures: row.number(8), reason: row.optionalText(9), revision: row.number(10)
            )
        }
    }

    private static func write(_ plan: RotationPlan, to row: inout Arguments) {
        row.add(plan.every)
        row.add(plan.since)
        row.add(plan.dueAt)
        row.add(plan.nextAt)
        row.add(plan.pending?.version)
        row.add(plan.pending?.announcement)
        row.add(plan.pending?.digest)
        row.add(plan.failures)
        row.add(plan.reason)
        row.add(plan.revision)
        row.add(plan.secret.text)
    }
}
