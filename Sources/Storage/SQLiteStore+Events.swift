import GRDB
package import OAuth

extension SQLiteStore {
    /// Names that one transaction drops, so that no commit waits long for it.
    private static let dropSize = 1000

    package func events(for receiver: ReceiverID, limit: Int) async throws -> [OutgoingEvent] {
        try await pool.read { try EventQueueRecord.all(for: receiver, limit: limit, in: $0) }
    }

    package func waiting(_ names: [String], for receiver: ReceiverID) async throws -> Set<String> {
        try await pool.read { database in
            Set(try names.filter { try EventQueueRecord.exists($0, for: receiver, in: database) })
        }
    }

    package func surplusEvents(
        of receiver: ReceiverID, keeping limit: Int, since: Timestamp
    ) async throws -> [String] {
        try await pool.read { database in
            let excess = try EventQueueRecord.count(for: receiver, in: database) - limit
            return try EventQueueRecord.all(for: receiver, limit: Self.dropSize, in: database).enumerated()
                .filter { $0.offset < excess || $0.element.createdAt < since }
                .map(\.element.jti)
        }
    }
}
