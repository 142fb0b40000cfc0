package import JOSE
package import OAuth
import Revocations
package import Vault

extension LegateKit {
    package var vault: ResourceURI { server.registry.ownResources.vault.uri }

    /// Who manages secrets, and reads none.
    package func keeper(_ scopes: String...) -> Operator {
        let time = clock.time.seconds
        let token = AccessToken(
            identity: TokenIdentity(
                jti: Unguessable.timeOrdered(at: clock.time), issuedAt: time, subject: world.admin.id.text,
                clientID: world.admin.id
            ),
            audience: vault, scopes: ScopeSet(scopes.isEmpty ? [SecretDesk.writeScope] : scopes) ?? .empty,
            expiresAt: time + 300
        )
        return Operator(token: token, context: context("PUT /vault/secrets"))
    }

    /// A token as the mint would make it for reading secrets.
    package func vaultToken(
        _ party: Party, scopes: String = SecretDesk.readScope, delegation: Delegation? = nil, task: String? = nil
    ) -> AccessToken {
        let time = clock.time.seconds
        return AccessToken(
            identity: TokenIdentity(
                jti: Unguessable.timeOrdered(at: clock.time), issuedAt: time,
                subject: delegation?.subject.claim ?? party.id.text, clientID: party.id, agentID: party.id.text,
                delegationID: delegation?.id, task: task.flatMap { QualifiedName($0, of: party.id) },
                actors: delegation == nil ? nil : ActorChain(Actor(clientID: party.id))
            ),
            audience: vault, scopes: World.scopes(scopes), expiresAt: time + 300
        )
    }

    package func context(_ endpoint: String) -> RequestContext {
        RequestContext(
            requestID: Unguessable.text(bytes: 10), traceID: nil, endpoint: endpoint, peer: "192.0.2.7"
        )
    }

    package static func secretName(_ text: String) -> SecretName {
        guard let name = SecretName(text) else { preconditionFailure("not a secret's name: \(text)") }
        return name
    }

    /// A static secret that the parties may read.
    @discardableResult
    package func keep(
        _ name: String, _ value: String = "s3cr3t", readers: [Party] = [], with more: JSONObject = [:]
    ) async throws -> VaultSecret {
        let rules = readers.map { JSON.object(["client_id": .string($0.id.text)]) }
        let draft: JSONObject = ["rules": .array(rules)]
        return try await server.secretDesk.create(
            Self.secretName(name), from: draft.merging(patch: more), value: Secret(Array(value.utf8)), by: keeper()
        )
    }

    /// The value as a party reads it with a token of this moment.
    package func read(
        _ name: String, version: Int? = nil, as party: Party, scopes: String = SecretDesk.readScope,
        delegation: Delegation? = nil
    ) async throws -> String {
        let released = try await server.secretDesk.read(
            Self.secretName(name), version: version,
            by: vaultToken(party, scopes: scopes, delegation: delegation), in: context("GET /vault/values")
        )
        return released.value.text
    }
}

extension Secret {
    /// The bytes as text, for a test to compare.
    package var text: String { withBytes { String(decoding: $0, as: UTF8.self) } }
}
