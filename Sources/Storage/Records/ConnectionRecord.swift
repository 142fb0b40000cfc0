import GRDB
import JOSE
import OAuth

/// `connections`: accounts at third parties. Rows go with their secret.
enum ConnectionRecord {
    private static let columns = [
        "connection_id", "authorization_endpoint", "token_endpoint", "revocation_endpoint", "issuer", "client_id",
        "authentication", "scopes", "authorization_parameters", "owner", "account", "allow_private_network", "status",
        "reason", "connected_by", "connected_at", "refreshed_at", "granted", "token_version", "token_issued_at",
        "token_expires_at", "box", "box_version", "flow_state", "flow_code", "flow_started_by", "flow_started_for",
        "flow_expires_at", "created_at", "revision",
    ]
    private static let list = columns.joined(separator: ", ")
    private static let insert = """
        INSERT INTO connections (\(list), secret)
        SELECT \(columns.map { _ in "?" }.joined(separator: ", ")), number FROM secrets WHERE name = ?
        """
    private static let update = """
        UPDATE connections SET \(columns.map { "\($0) = ?" }.joined(separator: ", "))
        WHERE secret = (SELECT number FROM secrets WHERE name = ?) AND revision = ?
        """
    /// Versions of access tokens that were erased: so many of them keep their rows.
    private static let keptVersions = 16

    /// Stores a connection: a new one, or the successor of a revision.
    static func keep(_ connection: Connection, from revision: Int?, in database: Database) throws {
        let name = connection.secret.text
        guard let revision else {
            do {
                let inserted = try database.run(insert) { write(connection, to: &$0) }
                guard inserted == 1 else { throw CommitFailure.missing(name) }
            } catch let error as DatabaseError where error.isDuplicate {
                throw CommitFailure.exists(name)
            }
            return
        }
        let changed = try database.run(update) { row in
            write(connection, to: &row)
            row.add(revision)
        }
        guard changed == 1 else { throw try failure(name, in: database) }
        // An access token lives for an hour; the rows of those that are gone must not grow without end.
        try database.run(
            """
            DELETE FROM secret_versions WHERE secret = (SELECT number FROM secrets WHERE name = ?)
                AND state = 'destroyed' AND version < ?
            """
        ) { row in
            row.add(name)
            row.add((connection.token?.version ?? 0) - keptVersions)
        }
    }

    static func drop(_ name: SecretName, from revision: Int, in database: Database) throws {
        let dropped = try database.run(
            "DELETE FROM connections WHERE secret = (SELECT number FROM secrets WHERE name = ?) AND revision = ?"
        ) { row in
            row.add(name.text)
            row.add(revision)
        }
        guard dropped == 1 else { throw try failure(name.text, in: database) }
    }

    static func all(in database: Database) throws -> [Connection] {
        try database.all(
            """
            SELECT \(columns.map { "c.\($0)" }.joined(separator: ", ")), s.name
            FROM connections c JOIN secrets s ON s.number = c.secret ORDER BY c.secret
            """, { _ in }, read
        )
    }

    private static func failure(_ name: String, in database: Database) throws -> CommitFailure {
        let isThere = try database.first(
            "SELECT 1 FROM connections WHERE secret = (SELECT number FROM secrets WHERE name = ?)", { $0.add(name) },
            { _ in true }
        )
        return isThere == true ? .stale(name) : .missing(name)
    }

    private static func write(_ connection: Connection, to row: inout Arguments) {
        let provider = connection.provider
        row.add(connection.id.text)
        row.add(provider.authorizationEndpoint)
        row.add(provider.tokenEndpoint)
        row.add(provider.revocationEndpoint)
        row.add(provider.issuer)
        row.add(provider.clientID)
        row.add(provider.authentication.rawValue)
        row.add(provider.scopes.description)
        row.add(text(of: provider.parameters))
        row.add(connection.owner)
        row.add(connection.account)
        row.add(connection.allowPrivateNetwork)
        row.add(connection.status.rawValue)
        row.add(connection.reason)
        row.add(connection.connectedBy?.text)
        row.add(connection.connectedAt)
        row.add(connection.refreshedAt)
        row.add(connection.granted?.description)
        row.add(connection.token?.version)
        row.add(connection.token?.issuedAt)
        row.add(connection.token?.expiresAt)
        row.add(connection.box)
        row.add(connection.boxVersion)
        add(connection.flow?.state, to: &row)
        add(connection.flow?.code, to: &row)
        row.add(connection.flow?.startedBy.text)
        row.add(connection.flow?.startedFor)
        row.add(connection.flow?.expiresAt)
        row.add(connection.createdAt)
        row.add(connection.revision)
        row.add(connection.secret.text)
    }

    private static func add(_ bytes: [UInt8]?, to row: inout Arguments) {
        if let bytes { row.add(bytes) } else { row.add(String?.none) }
    }

    private static func read(_ row: RowReader) throws -> Connection {
        let text = row.text(Int32(columns.count))
        func malformed() -> StorageError { .malformedRow(table: "connections", id: text) }
        func parsed<Value>(_ column: Int32, _ parse: (String) -> Value?) throws -> Value? {
            guard let text = row.optionalText(column) else { return nil }
            guard let value = parse(text) else { throw malformed() }
            return value
        }
        guard let name = SecretName(text), let id = ConnectionID(row.text(0)),
            let authentication = ConnectionProvider.Authentication(rawValue: row.text(6)),
            let scopes = ScopeSet(row.text(7)), let parameters = parameters(in: row.text(8)),
            let status = Connection.Status(rawValue: row.text(12))
        else { throw malformed() }
        let provider = ConnectionProvider(
            authorizationEndpoint: row.text(1), tokenEndpoint: row.text(2), revocationEndpoint: row.optionalText(3),
            issuer: row.optionalText(4), clientID: row.text(5), authentication: authentication, scopes: scopes,
            parameters: parameters
        )
        let token = row.optionalNumber(18).map {
            Connection.Token(version: $0, issuedAt: row.time(19), expiresAt: row.optionalTime(20))
        }
        let flow = try parsed(25) { ClientID($0) }.map { starter in
            let code = row.blob(24)
            return Connection.Flow(
                state: row.blob(23), code: code.isEmpty ? nil : code, startedBy: starter,
                startedFor: row.optionalText(26), expiresAt: row.time(27)
            )
        }
        return Connection(
            id: id, secret: name, provider: provider, owner: row.optionalText(9), account: row.optionalText(10),
            allowPrivateNetwork: row.flag(11), status: status, reason: row.optionalText(13),
            connectedBy: try parsed(14) { ClientID($0) }, connectedAt: row.optionalTime(15),
            refreshedAt: row.optionalTime(16), granted: try parsed(17) { ScopeSet($0) }, token: token,
            box: row.blob(21), boxVersion: row.number(22), flow: flow, createdAt: row.time(28), revision: row.number(29)
        )
    }

    private static func text(of parameters: [ConnectionProvider.Parameter]) -> String {
        var object: JSONObject = [:]
        for parameter in parameters { object[parameter.name] = .string(parameter.value) }
        return object.text
    }

    private static func parameters(in text: String) -> [ConnectionProvider.Parameter]? {
        guard let object = (try? JSON(parsing: text))?.object else { return nil }
        return object.members.map { .init(name: $0.name, value: $0.value.string ?? "") }
    }
}
