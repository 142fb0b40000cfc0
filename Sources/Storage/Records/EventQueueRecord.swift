import GRDB
import OAuth

/// `event_queue`: what has still to be delivered.
enum EventQueueRecord {
    /// Stores an event, unless its receiver went in the same moment.
    static func insert(_ event: OutgoingEvent, into database: Database) throws {
        try database.run(
            """
            INSERT INTO event_queue (receiver_id, jti, claims, created_at)
            SELECT receiver_id, ?, ?, ? FROM event_receivers WHERE receiver_id = ?
            """
        ) { row in
            row.add(event.jti)
            row.add(event.claims)
            row.add(event.createdAt)
            row.add(event.receiver.text)
        }
    }

    static func delete(_ jti: String, for receiver: ReceiverID, in database: Database) throws {
        try database.run("DELETE FROM event_queue WHERE receiver_id = ? AND jti = ?") { row in
            row.add(receiver.text)
            row.add(jti)
        }
    }

    static func exists(_ jti: String, for receiver: ReceiverID, in database: Database) throws -> Bool {
        try database.first(
            "SELECT 1 FROM event_queue WHERE receiver_id = ? AND jti = ?",
            { row in
                row.add(receiver.text)
                row.add(jti)
            }, { _ in true }
        ) ?? false
    }

    /// Oldest first.
    static func all(for receiver: ReceiverID, limit: Int, in database: Database) throws -> [OutgoingEvent] {
        try database.all(
            "SELECT jti, claims, created_at FROM event_queue WHERE receiver_id = ? ORDER BY jti LIMIT ?",
            { row in
                row.add(receiver.text)
                row.add(limit)
            },
            { OutgoingEvent(receiver: receiver, jti: $0.text(0), claims: $0.text(1), createdAt: $0.time(2)) }
        )
    }

    static func count(for receiver: ReceiverID, in database: Database) throws -> Int {
        try database.first(
            "SELECT count(*) FROM event_queue WHERE receiver_id = ?", { $0.add(receiver.text) }, { $0.number(0) }
        ) ?? 0
    }
}
