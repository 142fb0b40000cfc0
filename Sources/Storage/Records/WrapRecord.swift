import GRDB
import OAuth

/// `wraps`: references that open once, by the digest.
enum WrapRecord {
    private static let columns =
        "digest, lease_id, secret, wrapped_by, wrapped_for, created_at, expires_at, opened_at, opened_by"

    static func insert(_ wrap: Wrap, into database: Database) throws {
        try database.run(
            "INSERT INTO wraps (\(columns), forget_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ) { row in
            row.add(wrap.digest)
            row.add(wrap.lease.text)
            row.add(wrap.secret.text)
            row.add(wrap.wrappedBy.text)
            row.add(wrap.wrappedFor)
            row.add(wrap.createdAt)
            row.add(wrap.expiresAt)
            row.add(wrap.openedAt)
            row.add(wrap.openedBy?.text)
            row.add(wrap.forgetAt)
        }
    }

    static func one(_ digest: [UInt8], in database: Database) throws -> Wrap? {
        try database.first("SELECT \(columns) FROM wraps WHERE digest = ?", { $0.add(digest) }, read)
    }

    /// Opens a reference, which nobody can do again.
    ///
    /// - Returns: the box of the value.
    /// - Throws: `CommitFailure.spent` when it was opened before, or it or its lease has ended by now; `.stale` and
    ///   `.missing` like any release.
    static func open(_ opening: WrapOpening, in database: Database) throws -> [UInt8] {
        let lease = opening.lease
        // The version must be readable now, not only when it was wrapped.
        let now = Lease(
            id: lease.id, secret: lease.secret, version: lease.version, rule: lease.rule, identity: lease.identity,
            issuedAt: opening.at, expiresAt: lease.expiresAt
        )
        let box = try SecretVersionRecord.readable(now, at: opening.revision, in: database)
        let opened = try database.run(
            """
            UPDATE wraps SET opened_at = ?1, opened_by = ?2
            WHERE digest = ?3 AND opened_at IS NULL AND expires_at > ?1 AND EXISTS (
                SELECT 1 FROM leases l WHERE l.lease_id = wraps.lease_id AND l.ended_at IS NULL AND l.expires_at > ?1
            )
            """
        ) { row in
            row.add(opening.at)
            row.add(opening.by.text)
            row.add(opening.digest)
        }
        guard opened == 1 else { throw CommitFailure.spent }
        return box
    }

    private static func read(_ row: RowReader) throws -> Wrap {
        let opener = row.optionalText(8)
        guard let lease = LeaseID(row.text(1)), let secret = SecretName(row.text(2)), let by = ClientID(row.text(3)),
            case let openedBy = opener.flatMap({ ClientID($0) }), (openedBy == nil) == (opener == nil)
        else { throw StorageError.malformedRow(table: "wraps", id: row.text(1)) }
        return Wrap(
            digest: row.blob(0), lease: lease, secret: secret, wrappedBy: by, wrappedFor: row.optionalText(4),
            createdAt: row.time(5), expiresAt: row.time(6), openedAt: row.optionalTime(7), openedBy: openedBy
        )
    }
}
