import GRDB
import OAuth

/// `client_secrets`: what a client may authenticate with, in the client's order. Rows go with their client.
enum ClientSecretRecord {
    static func insert(_ secrets: [SecretDigest], of client: ClientID, into database: Database) throws {
        for (position, secret) in secrets.enumerated() {
            try database.run(
                "INSERT INTO client_secrets (client_id, position, digest, expires_at) VALUES (?, ?, ?, ?)"
            ) { row in
                row.add(client.text)
                row.add(position)
                row.add(secret.digest)
                row.add(secret.expiresAt)
            }
        }
    }

    static func replace(_ secrets: [SecretDigest], of client: ClientID, in database: Database) throws {
        try database.run("DELETE FROM client_secrets WHERE client_id = ?") { $0.add(client.text) }
        try insert(secrets, of: client, into: database)
    }

    /// The secrets of all clients, by client.
    static func all(in database: Database) throws -> [String: [SecretDigest]] {
        try read("", Arguments.none, in: database)
    }

    /// The secrets of the clients from one identifier to another, both included.
    static func all(from first: ClientID, to last: ClientID, in database: Database) throws -> [String: [SecretDigest]] {
        let range = Arguments { row in
            row.add(first.text)
            row.add(last.text)
        }
        return try read("WHERE client_id BETWEEN ? AND ?", range, in: database)
    }

    private static func read(
        _ condition: String, _ arguments: Arguments, in database: Database
    ) throws -> [String: [SecretDigest]] {
        var secrets: [String: [SecretDigest]] = [:]
        try database.cachedStatement(
            sql: "SELECT client_id, digest, expires_at FROM client_secrets \(condition) ORDER BY client_id, position"
        ).forEachRow(arguments) { row in
            secrets[row.text(0), default: []].append(
                SecretDigest(digest: row.blob(1), expiresAt: row.optionalTime(2))
            )
        }
        return secrets
    }
}
