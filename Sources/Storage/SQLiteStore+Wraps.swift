import GRDB
package import OAuth

extension SQLiteStore {
    package func wrap(_ digest: [UInt8]) async throws -> Wrap? {
        try await pool.read { try WrapRecord.one(digest, in: $0) }
    }
}
