import GRDB
import OAuth

/// `client_secrets`: what a client may authenticate with, in the client's order. Rows go with their client.
enum ClientSecretRecord {
    static func insert(_ secrets: [SecretDigest], of client: ClientID, into database: Database) throws {
        for (position, secret) in secrets.enumerated() {
            try database.run(
                """
                INSERT INTO client_secrets (client, position, digest, expires_at)
                SELECT number, ?, ?, ? FROM clients WHERE client_id = ?
                """
            ) { row in
                row.add(position)
                row.add(secret.digest)
                row.add(secret.expiresAt)
                row.add(client.text)
            }
        }
    }

    static func replace(_ secrets: [SecretDigest], of client: ClientID, in database: Database) throws {
        try database.run("DELETE FROM client_secrets WHERE client = (SELECT number FROM clients WHERE client_id = ?)") {
            $0.add(client.text)
        }
        try insert(secrets, of: client, into: database)
    }

    /// The secrets of all clients, in the order of the clients' numbers.
    static func all(in database: Database) throws -> [(client: Int64, secret: SecretDigest)] {
        try database.all("SELECT client, digest, expires_at FROM client_secrets ORDER BY client, position") { row in
            (row.integer(0), SecretDigest(digest: row.blob(1), expiresAt: row.optionalTime(2)))
        }
    }

    /// The secrets of one client.
    static func of(_ client: ClientID, in database: Database) throws -> [SecretDigest] {
        try database.all(
            """
            SELECT digest, expires_at FROM client_secrets
            WHERE client = (SELECT number FROM clients WHERE client_id = ?) ORDER BY position
            """,
            { $0.add(client.text) }, { SecretDigest(digest: $0.blob(0), expiresAt: $0.optionalTime(1)) }
        )
    }
}
