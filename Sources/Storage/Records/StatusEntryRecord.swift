import GRDB
import OAuth

/// `status_entries`: the live tokens of status lists.
enum StatusEntryRecord {
    private static let columns = "jti, list, idx, issued_at, expires_at, \(TokenColumns.list), resource"

    static func insert(_ token: ListedToken, into database: Database) throws {
        let identity = token.identity
        try database.run(
            "INSERT INTO status_entries (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ) { row in
            row.add(identity.jti)
            row.add(token.reference.list.text)
            row.add(token.reference.index)
            row.add(identity.issuedAt)
            row.add(Timestamp(seconds: token.expiresAt))
            TokenColumns.write(identity, to: &row)
            row.add(token.audience.text)
        }
    }

    /// Those that have not expired at `now`.
    static func all(at now: Timestamp, in database: Database) throws -> [ListedToken] {
        try database.all("SELECT \(columns) FROM status_entries WHERE expires_at > ?", { $0.add(now) }, read)
    }

    private static func read(_ row: RowReader) throws -> ListedToken {
        let id = row.text(0)
        guard let list = StatusListID(row.text(1)), let audience = ResourceURI(row.text(13)) else {
            throw StorageError.malformedRow(table: "status_entries", id: id)
        }
        let identity = try TokenColumns.read(row, from: 5, jti: id, issuedAt: row.integer(3), table: "status_entries")
        return ListedToken(
            reference: StatusReference(list: list, index: row.number(2)), identity: identity, audience: audience,
            expiresAt: row.time(4).seconds
        )
    }
}
