package import JOSE
package import OAuth
package import Revocations
package import Vault

extension LegateKit {
    /// An operator with these scopes; without any, one who may do everything.
    package func admin(_ scopes: String...) -> Operator {
        let time = clock.time.seconds
        let token = AccessToken(
            identity: TokenIdentity(
                jti: Unguessable.timeOrdered(at: clock.time), issuedAt: time, subject: world.admin.id.text,
                clientID: world.admin.id
            ),
            audience: server.registry.ownResources.admin.uri,
            scopes: ScopeSet(scopes.isEmpty ? OwnResources.adminScopes : scopes) ?? .empty, expiresAt: time + 300
        )
        return Operator(
            token: token,
            context: RequestContext(
                requestID: Unguessable.text(bytes: 10), traceID: nil, endpoint: "POST /admin", peer: "192.0.2.9"
            )
        )
    }

    @discardableResult
    package func create(
        _ kind: RegistryKind, _ draft: JSONObject, by caller: Operator? = nil
    ) async throws -> (created: any Registered, secret: String?) {
        try await server.registrar.create(kind, from: draft, by: caller ?? admin())
    }

    /// A new agent with a secret.
    package func createAgent(
        _ id: String, scopes: [String], resources: [ResourceURI], grants: [String] = ["client_credentials"],
        with more: JSONObject = [:]
    ) async throws -> Party {
        let draft: JSONObject = [
            "client_id": .string(id), "name": .string(id), "scopes": .array(scopes.map(JSON.string)),
            "resources": .array(resources.map { .string($0.text) }), "grants": .array(grants.map(JSON.string)),
        ]
        let (_, secret) = try await create(.client, draft.merging(patch: more))
        return Party(World.id(id), secret.map(Party.Proof.basic) ?? .none)
    }

    @discardableResult
    package func update(
        _ kind: RegistryKind, _ id: String, _ patch: JSONObject, ifRevision revision: Int? = nil
    ) async throws -> any Registered {
        try await server.registrar.update(kind, id, patch: patch, ifRevision: revision, by: admin())
    }

    package func delete(_ kind: RegistryKind, _ id: String) async throws {
        try await server.registrar.delete(kind, id, by: admin())
    }

    /// A user's standing permission.
    @discardableResult
    package func delegate(
        from user: String = "alice", to party: Party, scopes: String = "calendar.read calendar.write",
        resources: [ResourceURI] = [World.calendar], mayAct: [ClientID] = [], expiresIn: Int64? = nil
    ) async throws -> Delegation {
        var draft: JSONObject = [
            "issuer": .string(corp.name.text),
            "subject": .string(user),
            "client_id": .string(party.id.text),
            "scopes": .array(World.scopes(scopes).tokens.map(JSON.string)),
            "resources": .array(resources.map { .string($0.text) }),
            "may_act": .array(mayAct.map { .string($0.text) }),
        ]
        if let expiresIn { draft["expires_in"] = .integer(expiresIn) }
        guard let delegation = try await create(.delegation, draft).created as? Delegation else {
            throw NotADelegation()
        }
        return delegation
    }

    /// A rule for all users of `corp`, or for a group or one user.
    @discardableResult
    package func allow(
        _ party: Party, scopes: String = "calendar.read", resources: [ResourceURI] = [World.calendar],
        with more: JSONObject = [:]
    ) async throws -> DelegationRule {
        let draft: JSONObject = [
            "issuer": .string(corp.name.text),
            "client_id": .string(party.id.text),
            "scopes": .array(World.scopes(scopes).tokens.map(JSON.string)),
            "resources": .array(resources.map { .string($0.text) }),
        ]
        guard let rule = try await create(.rule, draft.merging(patch: more)).created as? DelegationRule else {
            throw NotADelegation()
        }
        return rule
    }

    /// Ends something, and goes on to the next second: what is issued from then on is not touched.
    @discardableResult
    package func end(_ kind: Revocation.Kind, _ id: String, reason: String? = nil) async throws -> Revocation {
        var draft: JSONObject = ["kind": .string(kind.rawValue), "id": .string(id)]
        if let reason { draft["reason"] = .string(reason) }
        let revocation = try await server.revocationDesk.revoke(draft, by: admin())
        clock.nextSecond()
        return revocation
    }

    package func revokeDelegation(_ id: DelegationID, reason: String? = nil) async throws {
        _ = try await server.registrar.revokeDelegation(id.text, reason: reason, by: admin())
        clock.nextSecond()
    }

    package func client(_ id: ClientID) -> Client? { server.registry.client(id) }

    // MARK: The audit trail

    package func records(_ adjust: (inout AuditQuery) -> Void = { _ in }) async throws -> [AuditRecord] {
        var query = AuditQuery(limit: 1000)
        adjust(&query)
        return try await store.auditRecords(matching: query)
    }

    package func lastRecord() async throws -> AuditRecord? {
        try await store.auditRecords(matching: AuditQuery(limit: 1, newest: true)).last
    }

    /// How long the trail is.
    package var auditCount: Int64 { server.ledger.auditHead.sequence }

    private struct NotADelegation: Error {}
}
