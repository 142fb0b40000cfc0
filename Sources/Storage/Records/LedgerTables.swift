import Foundation
import GRDB
import OAuth

/// `revocations` and `signing_keys`.
enum LedgerTables {
    static func insert(_ revocation: Revocation, into database: Database) throws {
        try database.cachedStatement(
            sql: "INSERT INTO revocations (seq, kind, id, issued_before, expires, reason) VALUES (?, ?, ?, ?, ?, ?)"
        ).execute(arguments: [
            revocation.sequence, revocation.kind.rawValue, revocation.id, revocation.issuedBefore,
            revocation.expires.milliseconds, revocation.reason,
        ])
        try database.cachedStatement(
            sql: """
                INSERT INTO revocation_sequence (one, last) VALUES (1, ?)
                ON CONFLICT (one) DO UPDATE SET last = max(last, excluded.last)
                """
        ).execute(arguments: [revocation.sequence])
    }

    static func revocation(_ row: Row) throws -> Revocation {
        guard let kind = Revocation.Kind(rawValue: row[1]) else {
            throw MalformedRow(table: "revocations", id: String(row[0] as Int64))
        }
        return Revocation(
            sequence: row[0], kind: kind, id: row[2], issuedBefore: row[3], expires: Timestamp(milliseconds: row[4]),
            reason: row[5]
        )
    }

    static func insert(_ key: StoredSigningKey, into database: Database) throws {
        do {
            try database.cachedStatement(
                sql: "INSERT INTO signing_keys (kid, alg, box, created_at, active_from, revoked_at) VALUES (?, ?, ?, ?, ?, ?)"
            ).execute(arguments: [
                key.keyID, key.algorithm, key.box.databaseBlob, key.createdAt.milliseconds, key.activeFrom.milliseconds,
                key.revokedAt?.milliseconds,
            ])
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            throw CommitFailure.exists(key.keyID)
        }
    }

    static func signingKey(_ row: Row) -> StoredSigningKey {
        StoredSigningKey(
            keyID: row[0], algorithm: row[1], box: [UInt8](row[2] as Data), createdAt: Timestamp(milliseconds: row[3]),
            activeFrom: Timestamp(milliseconds: row[4]),
            revokedAt: (row[5] as Int64?).map { Timestamp(milliseconds: $0) }
        )
    }
}

extension [UInt8] {
    var databaseBlob: Data { Data(self) }
}
