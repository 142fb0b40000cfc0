package import JOSE
package import OAuth

extension LegateKit {
    /// A form that a party posts to one of the OAuth endpoints.
    ///
    /// - Parameter peer: the address that it comes from.
    package func request(
        _ form: Form, from party: Party, to endpoint: String = "POST /token", peer: String = "192.0.2.1"
    ) throws -> ClientRequest {
        var form = form
        var authorization: String?
        switch party.proof {
        case .basic(let secret): authorization = Form.basic(party.id.text, secret)
        case .post(let secret):
            form.add("client_id", party.id.text)
            form.add("client_secret", secret)
        case .key(let key):
            form.add(try ClientAssertion(of: party.id, for: issuer, key: key, at: clock.time).parameters())
        case .none: break
        }
        return try self.request(form, authorization: authorization, to: endpoint, peer: peer)
    }

    /// The same with any `Authorization` header, or none.
    package func request(
        _ form: Form, authorization: String?, to endpoint: String = "POST /token", peer: String = "192.0.2.1"
    ) throws -> ClientRequest {
        ClientRequest(
            authorization: authorization, parameters: try form.parameters(),
            context: RequestContext(
                requestID: Unguessable.text(bytes: 10), traceID: "0af7651916cd43dd8448eb211c80319c",
                endpoint: endpoint, peer: peer
            )
        )
    }

    /// `client_credentials`. A resource of nil is not named in the request.
    @discardableResult
    package func token(
        _ party: Party, for resource: ResourceURI? = World.calendar, scope: String? = nil,
        with more: [String: String] = [:]
    ) async throws -> TokenResponse {
        var form = Form([("grant_type", "client_credentials")])
        form.add("resource", resource?.text)
        form.add("scope", scope)
        form.add(more)
        return try await server.tokenEndpoint.respond(to: try request(form, from: party))
    }

    /// Token exchange (RFC 8693). `more` may replace nothing that is given by the other arguments.
    @discardableResult
    package func exchange(
        _ subjectToken: String, by party: Party, for resource: ResourceURI? = World.calendar, scope: String? = nil,
        type: TokenType = .accessToken, with more: [String: String] = [:]
    ) async throws -> TokenResponse {
        var form = Form([
            ("grant_type", GrantType.tokenExchange.rawValue), ("subject_token", subjectToken),
            ("subject_token_type", type.rawValue),
        ])
        form.add("resource", resource?.text)
        form.add("scope", scope)
        form.add(more)
        return try await server.tokenEndpoint.respond(to: try request(form, from: party))
    }

    /// A user's own token from `corp`, exchanged.
    @discardableResult
    package func act(
        for user: String = "alice", by party: Party, at resource: ResourceURI? = World.calendar, scope: String? = nil,
        with more: [String: String] = [:]
    ) async throws -> TokenResponse {
        try await exchange(
            try corp.token(user, audience: issuer), by: party, for: resource, scope: scope, type: .idToken, with: more
        )
    }

    /// What introspection tells a party about a token (RFC 7662).
    package func introspect(_ token: String, by party: Party) async throws -> JSONObject {
        let request = try request(Form([("token", token)]), from: party, to: "POST /introspect")
        let answer = try await server.introspection.answer(request, from: .client)
        return try JSON(parsing: answer.json).object ?? [:]
    }

    /// Whether a token is worth anything at this moment, as those who may see every token see it.
    package func isActive(_ token: String) async throws -> Bool {
        try await introspect(token, by: auditor)["active"]?.bool ?? false
    }

    /// RFC 7009.
    package func revoke(_ token: String, by party: Party) async throws {
        let request = try request(Form([("token", token)]), from: party, to: "POST /revoke")
        try await server.revocationEndpoint.respond(to: request)
    }
}
