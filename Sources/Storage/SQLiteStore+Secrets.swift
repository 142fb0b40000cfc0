import GRDB
package import OAuth
package import Revocations

extension SQLiteStore {
    package func secretVersions(of name: SecretName) async throws -> [SecretVersion] {
        try await pool.read { try SecretVersionRecord.all(of: name, in: $0) }
    }

    package func secretBox(of name: SecretName, version: Int) async throws -> [UInt8]? {
        try await pool.read { try SecretVersionRecord.box(of: name, version: version, in: $0) }
    }

    package func leases(
        of name: SecretName?, after cursor: LeaseID?, limit: Int, at now: Timestamp
    ) async throws -> [Lease] {
        try await pool.read { try LeaseRecord.live(of: name, after: cursor, limit: limit, at: now, in: $0) }
    }

    package func lease(_ id: LeaseID) async throws -> Lease? {
        try await pool.read { try LeaseRecord.one(id, in: $0) }
    }

    package func revocationsToSweep() async throws -> [Revocation] {
        try await pool.read { try LeaseRecord.unswept(in: $0) }
    }
}
