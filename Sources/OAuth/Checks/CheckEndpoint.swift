/// Forward authentication, for gateways that cannot verify tokens themselves: one question for each call of an agent.
///
/// Prove the gateway, find the resource, verify the token, compare the scopes, record, answer; with the credential of the
/// upstream when the vault keeps one. Whether a token lives is
/// asked of the verifier every time, as introspection and the admin API do: a revocation takes effect with the next
/// call.
package struct CheckEndpoint: Sendable {
    private let gateways: GatewayAuthenticator
    private let verifier: TokenVerifier
    private let registry: Registry
    private let possession: PossessionCheck
    private let broker: CredentialBroker
    private let ledger: Ledger
    private let denials = DenialRecords()
    private let now: Now

    init(
        authenticator: ClientAuthenticator, verifier: TokenVerifier, registry: Registry, possession: PossessionCheck,
        broker: CredentialBroker, ledger: Ledger, now: @escaping Now
    ) {
        gateways = GatewayAuthenticator(authenticator: authenticator, verifier: verifier, registry: registry)
        self.verifier = verifier
        self.registry = registry
        self.possession = possession
        self.broker = broker
        self.ledger = ledger
        self.now = now
    }

    /// Returns when the call may go on, and its record is durable unless the resource wants them only counted.
    ///
    /// - Throws: `CheckRefusal` when it may not; it is in the audit trail then, unless it came from a stranger.
    ///   `LedgerUnavailable` when the decision could not be recorded: then there is none.
    package func answer(_ request: CheckRequest) async throws -> CheckPass {
        let time = now()
        var call = CheckedCall()
        do {
            let token = try await examine(request, &call, at: time)
            var pass = CheckPass(token: token, gateway: call.gateway?.value.id)
            pass.nonce = call.nonce
            // Nothing secret goes to a gateway that did not prove itself.
            if pass.gateway != nil, let secret = try broker.secret(for: token) {
                pass.upstream = try await broker.release(
                    secret, to: token, with: entry(call, pass, request.context, at: time), in: request.context
                )
                return pass
            }
            if call.resource?.checkAudit == .count { return pass }
            if try await record(call, pass, request.context, at: time) { return pass }
            throw Self.invalidToken(detail: "\(TokenVerifier.Failure.revoked)")
        } catch let error as OAuthError {
            if let record = call.denied(error, request.context, at: time), denials.admits(call, at: time) {
                try await ledger.commit(Entry(audit: [record]))
            }
            throw CheckRefusal(error, of: call, request)
        }
    }

    /// Who asks, about what, for which scopes, and whether the token is good for it. `call` holds what was found out
    /// before a refusal, too.
    private func examine(
        _ request: CheckRequest, _ call: inout CheckedCall, at time: Timestamp
    ) async throws(OAuthError) -> AccessToken {
        if let header = request.gatewayAuthorization {
            call.gateway = try await gateways.authenticate(header, context: request.context, at: time)
        } else if let certificate = request.gatewayCertificate, request.parameters[.clientID] != nil {
            call.gateway = try await gateways.authenticate(
                certificate, request.parameters, context: request.context, at: time
            )
        }
        let resource = try resource(for: request.parameters, askedBy: call.gateway?.value)
        call.resource = resource
        guard let scopes = ScopeSet(request.parameters[.scope] ?? "") else {
            throw OAuthError(.invalidRequest, "scope \(ScopeSet.expectation)")
        }
        call.scopes = scopes
        if let gateway = call.gateway?.value, !gateway.resources.contains(resource.uri) {
            throw OAuthError(
                .accessDenied, "the gateway \(gateway.id) is not registered for \(resource.uri)",
                rule: "gateway_resource"
            )
        }
        // What an authenticated gateway hands on is not held against its address.
        let stranger = call.gateway == nil ? request.context.peer : nil
        let token = try token(request.credentials, &call, from: stranger, at: time)
        guard token.audience == resource.uri else {
            throw OAuthError(
                .invalidToken, "the token is for another resource", detail: "the token is for \(token.audience)",
                rule: "token_audience"
            )
        }
        call.nonce = try possession.verify(
            token, sentAs: request.credentials,
            with: try request.presented(at: resource, askedBy: call.gateway?.value), to: resource, at: time
        )
        guard scopes.isSubset(of: token.scopes) else {
            let missing = scopes.subtracting(token.scopes)
            throw OAuthError(.insufficientScope, "the token lacks the scope \(missing)", rule: "token_scope")
        }
        try DetailsInCall.require(request.parameters[.authorizationDetails], of: token, at: resource)
        return token
    }

    /// By URI or by name; without either the one that the gateway stands before.
    private func resource(
        for parameters: Parameters, askedBy gateway: Client?
    ) throws(OAuthError) -> Resource {
        let named = parameters.all(.resource)
        guard named.count <= 1 else {
            throw OAuthError(.invalidTarget, "more than one resource: a call goes to one")
        }
        guard let text = named.first else {
            let own = (gateway?.resources ?? []).filter { !registry.ownResources.contains($0) }
            guard own.count == 1, let uri = own.first, let resource = registry.resource(uri) else {
                throw OAuthError(
                    .invalidTarget,
                    gateway == nil
                        ? "name the resource, or authenticate as a gateway that has one"
                        : "name the resource: the gateway has none or more than one"
                )
            }
            return resource
        }
        let found =
            Resource.isName(text)
            ? registry.resource(named: text) : ResourceURI(text).flatMap { registry.resource($0) }
        guard let found else {
            throw OAuthError(.invalidTarget, "no such resource: neither a registered URI nor a name")
        }
        return found
    }

    /// The agent's live token.
    private func token(
        _ credentials: BearerCredentials, _ call: inout CheckedCall, from stranger: String?, at time: Timestamp
    ) throws(OAuthError) -> AccessToken {
        let compact: String
        switch credentials {
        case .token(let text), .dpop(let text): compact = text
        case .absent:
            throw OAuthError(.invalidToken, "a token for this resource is required", rule: "bearer_credentials")
        case .malformed:
            throw OAuthError(
                .invalidToken, "the Authorization header must be Bearer or DPoP and one token",
                rule: "bearer_credentials"
            )
        }
        if let stranger { try verifier.admit(compact, from: stranger, at: time) }
        do throws(TokenVerifier.Failure) {
            let token = try verifier.verifyUnproved(compact, from: stranger, at: time)
            call.token = token
            return token
        } catch {
            if error == .expired || error == .revoked { call.token = try? verifier.parse(compact, at: time) }
            throw Self.invalidToken(detail: "\(error)")
        }
    }

    /// What a release is committed with. That one is always recorded; the call itself is only when the resource wants
    /// it.
    private func entry(
        _ call: CheckedCall, _ pass: CheckPass, _ context: RequestContext, at time: Timestamp
    ) -> Entry {
        let isCounted = call.resource?.checkAudit == .count
        return Entry(audit: isCounted ? [] : [call.allowed(context, at: time)], relies: pass.token.identity)
    }

    /// Puts the allowed call into the trail.
    ///
    /// - Returns: false when a revocation entered the ledger before it.
    private func record(
        _ call: CheckedCall, _ pass: CheckPass, _ context: RequestContext, at time: Timestamp
    ) async throws -> Bool {
        do {
            try await ledger.commit(Entry(audit: [call.allowed(context, at: time)], relies: pass.token.identity))
            return true
        } catch CommitFailure.revoked {
            return false
        }
    }

    private static func invalidToken(detail: String) -> OAuthError {
        OAuthError(.invalidToken, "the token is not valid here", detail: detail, rule: "token_live")
    }
}
