package import JOSE
import Vault

/// Connects accounts at third parties, shows which there are, and disconnects them. Each of its doors is an extension
/// in a file of its own.
package struct ConnectionDesk: Sendable {
    let issuer: IssuerURL
    let registry: Registry
    let secrets: SecretDesk
    let keeper: ConnectionKeeper
    let digests: DigestKey
    let ledger: Ledger
    let now: Now

    /// Seconds in which a person has to be through the provider's pages, and to have brought the code.
    package static let flowLifetime = 600

    var barrier: Barrier { keeper.barrier }

    /// A page of connections, by name.
    package func page(after cursor: SecretName?, limit: Int, by caller: Operator) throws -> [JSONObject] {
        try caller.require(SecretDesk.writeScope)
        return registry.connections.page(after: cursor, limit: limit).map(document)
    }

    package func show(_ name: SecretName, to caller: Operator) throws -> JSONObject {
        try caller.require(SecretDesk.writeScope)
        return document(of: try connection(name))
    }

    func connection(_ name: SecretName) throws -> Connection {
        guard let connection = registry.connections.connection(name) else {
            throw SecretRefusal.missing("\(name) is not connected to an account, and no connection is started")
        }
        return connection
    }

    /// The connection with what its keeper knows of its troubles.
    func document(of connection: Connection) -> JSONObject {
        var document = connection.document(at: issuer)
        let pause = keeper.pause(of: connection.secret)
        document["last_error"] = .text(pause?.reason)
        document["retry_at"] = .time(pause?.until)
        return document
    }

    /// Commits a change of a connection that was made from its present revision; tried again when somebody else was
    /// faster.
    @discardableResult
    func change(
        _ name: SecretName, _ make: (Connection, Timestamp) async throws -> (Connection, Entry)
    ) async throws -> Connection {
        for _ in 0..<ConnectionKeeper.attempts {
            guard let connection = registry.connections.connection(name) else { throw SecretRefusal.notFound }
            var (changed, entry) = try await make(connection, now())
            changed.revision = connection.revision + 1
            entry.changes.append(.keepConnection(changed, from: connection.revision))
            do {
                try await ledger.commit(entry)
                return changed
            } catch CommitFailure.stale(_) {
                continue
            } catch CommitFailure.missing(_) {
                throw SecretRefusal.notFound
            }
        }
        throw SecretRefusal.unavailable("the connection is being changed by others; try again", retryAfter: 1)
    }

    // MARK: What a person carries

    func stateDigest(_ state: String, of id: ConnectionID) -> [UInt8] {
        digests.digest(of: state, context: "connection/state/\(id)")
    }

    func isState(_ state: String, of flow: Connection.Flow, in id: ConnectionID) -> Bool {
        digests.matches(state, context: "connection/state/\(id)", digests: [flow.state])
    }

    func codeDigest(_ code: String, of id: ConnectionID) -> [UInt8] {
        digests.digest(of: code, context: "connection/code/\(id)")
    }

    func isCode(_ code: String, of flow: Connection.Flow, in id: ConnectionID) -> Bool {
        digests.matches(code, context: "connection/code/\(id)", digests: flow.code.map { [$0] } ?? [])
    }
}
