import GRDB
import OAuth

/// `tasks`: what clients with limits have taken in each task. The row decides, however many ask at once.
enum TaskRecord {
    /// Counts one token.
    ///
    /// - Throws: `CommitFailure.overdrawn` with what is stored when there is no room for it.
    static func use(_ use: TaskUse, in database: Database) throws {
        let counted = try database.run(
            """
            INSERT INTO tasks (client_id, task, first_at, tokens, forget_at) VALUES (?, ?, ?, 1, ?)
            ON CONFLICT (client_id, task) DO UPDATE
            SET first_at = CASE WHEN tasks.forget_at <= excluded.first_at THEN excluded.first_at ELSE tasks.first_at END,
                tokens = CASE WHEN tasks.forget_at <= excluded.first_at THEN 1 ELSE tasks.tokens + 1 END,
                forget_at = excluded.forget_at
            WHERE tasks.forget_at <= excluded.first_at OR (tasks.tokens <= ? AND tasks.first_at >= ?)
            """
        ) { row in
            row.add(use.clientID.text)
            row.add(use.task.text)
            row.add(use.at)
            row.add(use.forgetAt)
            row.add(use.mostTakenBefore)
            row.add(use.earliestBegin)
        }
        if counted == 1 { return }
        guard let tally = try tally(of: use.clientID, in: use.task, database) else {
            throw StorageError.malformedRow(table: "tasks", id: use.task.text)
        }
        throw CommitFailure.overdrawn(tally)
    }

    private static func tally(of client: ClientID, in task: QualifiedName, _ database: Database) throws -> TaskTally? {
        try database.first(
            "SELECT first_at, tokens, forget_at FROM tasks WHERE client_id = ? AND task = ?",
            { row in
                row.add(client.text)
                row.add(task.text)
            },
            { row in
                TaskTally(
                    clientID: client, task: task, firstAt: row.time(0), tokens: row.number(1), forgetAt: row.time(2)
                )
            }
        )
    }
}
