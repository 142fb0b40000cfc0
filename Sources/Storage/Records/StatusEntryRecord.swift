import GRDB
import JOSE
import OAuth

/// `status_entries`: the live tokens of status lists.
enum StatusEntryRecord {
    private static let columns =
        """
        jti, list, idx, issued_at, expires_at, kid, subject, client_id, agent_id, delegation_id, task, session, actors, \
        resource
        """

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
            row.add(identity.keyID)
            row.add(identity.subject)
            row.add(identity.clientID.text)
            row.add(identity.agentID)
            row.add(identity.delegationID?.text)
            row.add(identity.task?.text)
            row.add(identity.session?.text)
            row.add(identity.actors?.claim.text)
            row.add(token.audience.text)
        }
    }

    /// Those that have not expired at `now`.
    static func all(at now: Timestamp, in database: Database) throws -> [ListedToken] {
        try database.all("SELECT \(columns) FROM status_entries WHERE expires_at > ?", { $0.add(now) }, read)
    }

    private static func read(_ row: RowReader) throws -> ListedToken {
        let id = row.text(0)
        func parsed<Value>(_ column: Int32, _ parse: (String) -> Value?) throws -> Value? {
            guard let text = row.optionalText(column) else { return nil }
            guard let value = parse(text) else { throw StorageError.malformedRow(table: "status_entries", id: id) }
            return value
        }
        guard let list = StatusListID(row.text(1)), let client = ClientID(row.text(7)),
            let audience = ResourceURI(row.text(13))
        else { throw StorageError.malformedRow(table: "status_entries", id: id) }
        let identity = TokenIdentity(
            jti: id, issuedAt: row.integer(3), keyID: row.optionalText(5), subject: row.text(6), clientID: client,
            agentID: row.optionalText(8), delegationID: try parsed(9) { DelegationID($0) },
            task: try parsed(10) { QualifiedName(qualified: $0) },
            session: try parsed(11) { QualifiedName(qualified: $0) },
            actors: try parsed(12) { text in (try? JSON(parsing: text)).flatMap { ActorChain(claim: $0) } }
        )
        return ListedToken(
            reference: StatusReference(list: list, index: row.number(2)), identity: identity, audience: audience,
            expiresAt: row.time(4).seconds
        )
    }
}
