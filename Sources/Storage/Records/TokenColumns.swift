import JOSE
import OAuth

/// The columns by which what stands on a token can be revoked: the same ones, in the same order, in every table.
enum TokenColumns {
    static let list = "kid, subject, client_id, agent_id, delegation_id, task, session, actors"

    static func write(_ identity: TokenIdentity, to row: inout Arguments) {
        row.add(identity.keyID)
        row.add(identity.subject)
        row.add(identity.clientID.text)
        row.add(identity.agentID)
        row.add(identity.delegationID?.text)
        row.add(identity.task?.text)
        row.add(identity.session?.text)
        row.add(identity.actors?.claim.text)
    }

    /// Reads the columns from `first` on.
    ///
    /// - Parameters:
    ///   - table: for the error.
    ///   - jti: the token's id, which also names the row in the error.
    /// - Throws: `StorageError.malformedRow` when the domain does not accept one.
    static func read(
        _ row: RowReader, from first: Int32, jti: String, issuedAt: Int64, table: String
    ) throws -> TokenIdentity {
        func parsed<Value>(_ column: Int32, _ parse: (String) -> Value?) throws -> Value? {
            guard let text = row.optionalText(column) else { return nil }
            guard let value = parse(text) else { throw StorageError.malformedRow(table: table, id: jti) }
            return value
        }
        guard let client = ClientID(row.text(first + 2)) else { throw StorageError.malformedRow(table: table, id: jti) }
        return TokenIdentity(
            jti: jti, issuedAt: issuedAt, keyID: row.optionalText(first), subject: row.text(first + 1),
            clientID: client, agentID: row.optionalText(first + 3),
            delegationID: try parsed(first + 4) { DelegationID($0) },
            task: try parsed(first + 5) { QualifiedName(qualified: $0) },
            session: try parsed(first + 6) { QualifiedName(qualified: $0) },
            actors: try parsed(first + 7) { text in (try? JSON(parsing: text)).flatMap { ActorChain(claim: $0) } }
        )
    }
}
