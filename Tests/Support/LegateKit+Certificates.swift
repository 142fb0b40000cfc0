package import Certificates
package import JOSE
package import OAuth

extension LegateKit {
    /// The certificate as the front door would hand it on: judged by these authorities.
    package func judged(
        _ certificate: TestCertificate, by anchors: TrustAnchors = .none, _ intermediates: TestAuthority...
    ) async throws -> ClientCertificate {
        let chain = try CertificateChain(leaf: certificate.der, intermediates: intermediates.map(\.der))
        return ClientCertificate(chain, verifiedUntil: try? await anchors.verify(chain, at: clock.time.seconds))
    }

    /// A new agent that authenticates by a certificate.
    package func createAgent(_ id: String, auth: String, with more: JSONObject = [:]) async throws -> Party {
        let draft: JSONObject = [
            "client_id": .string(id), "name": .string(id), "auth": .string(auth), "scopes": ["calendar.read"],
            "resources": [.string(World.calendar.text)], "grants": ["client_credentials", "token_exchange"],
        ]
        try await create(.client, draft.merging(patch: more))
        return Party(World.id(id), .none)
    }

    /// `client_credentials` over a connection with a certificate.
    @discardableResult
    package func token(
        _ party: Party, showing certificate: ClientCertificate?, naming id: String? = nil,
        for resource: ResourceURI = World.calendar, with more: [String: String] = [:]
    ) async throws -> TokenResponse {
        var form = Form([("grant_type", "client_credentials"), ("resource", resource.text)])
        if party.secret == nil { form.add("client_id", id ?? party.id.text) }
        form.add(more)
        return try await server.tokenEndpoint.respond(
            to: try request(form, from: party).with(Presented(certificate: certificate)))
    }
}

extension ClientRequest {
    /// The same request with these proofs of possession.
    package func with(_ presented: Presented) -> ClientRequest {
        ClientRequest(
            authorization: authorization, parameters: parameters, context: context, presented: presented)
    }
}
