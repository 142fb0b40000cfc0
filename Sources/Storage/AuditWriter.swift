import GRDB
import Vault

/// Links events to the trail and writes them: one prepared statement and one buffer for a whole batch.
struct AuditWriter {
    private(set) var chain: AuditChain
    private let statement: Statement
    private var row = Arguments()

    init(_ database: Database, chain: AuditChain) throws {
        statement = try database.cachedStatement(sql: AuditRecordRow.insert)
        self.chain = chain
    }

    mutating func append(_ event: AuditEvent) throws {
        chain.link(event)
        row.removeAll()
        AuditRecordRow.write(event, at: chain.head, to: &row)
        try statement.run(row)
    }
}
