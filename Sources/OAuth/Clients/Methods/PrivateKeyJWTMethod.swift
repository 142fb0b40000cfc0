import Crypto
package import JOSE

/// `private_key_jwt` (RFC 7523) with the audience rule of RFC 7523bis: our issuer, and nothing else.
package struct PrivateKeyJWTMethod: ClientAuthentication {
    package static let names: [AuthenticationMethod] = [.privateKeyJWT]
    package static let assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    /// RS256 is not among them: FAPI 2.0 forbids it for client assertions.
    package static let algorithms: [SignatureAlgorithm] = [.es256, .ed25519, .ps256]
    /// Seconds that `exp` may lie ahead; Authlib signs for an hour.
    static let longestLife: Int64 = 3600
    /// Seconds of difference between the client's clock and ours.
    static let leeway: Int64 = 60

    private let registry: Registry
    private let keySets: KeySets
    /// What proves a client whose platform vouches for it under the same assertion type.
    private let platform: WorkloadAssertion

    package init(registry: Registry, keySets: KeySets, workloads: WorkloadVerifier) {
        self.registry = registry
        self.keySets = keySets
        platform = WorkloadAssertion(workloads: workloads)
    }

    package func isPresented(in request: ClientRequest) -> Bool {
        let type = request.parameters[.clientAssertionType]
        return type != SPIFFEJWTMethod.assertionType && (type != nil || request.parameters[.clientAssertion] != nil)
    }

    package func claimedClient(in request: ClientRequest) -> ClientID? {
        guard let assertion = request.parameters[.clientAssertion], let jwt = try? UnverifiedJWT(assertion) else {
            return nil
        }
        if WorkloadAssertion.isOne(jwt) { return platform.claimedClient(jwt) }
        return jwt.claims[Claim.subject]?.string.flatMap { ClientID($0) }
    }

    package func presented(in request: ClientRequest) -> String? { request.parameters[.clientAssertion] }

    package func authenticate(
        _ request: ClientRequest, at now: Timestamp
    ) async throws(OAuthError) -> ProvenClient {
        guard request.authorization == nil else {
            throw OAuthError(.invalidRequest, "more than one client authentication method in one request")
        }
        let assertion = try request.parameters.required(.clientAssertion)
        guard try request.parameters.required(.clientAssertionType) == Self.assertionType else {
            throw OAuthError.invalidClient("client_assertion_type must be \(Self.assertionType)")
        }
        do {
            return try await prove(assertion, clientID: request.parameters[.clientID], at: now)
        } catch let error as OAuthError {
            throw error
        } catch let error as JWTError {
            throw OAuthError.invalidClient(
                "the client assertion was not accepted", detail: "the client assertion is not accepted: \(error.reason)"
            )
        } catch {
            throw OAuthError.invalidClient("the client assertion was not accepted", detail: "\(error)")
        }
    }

    private func prove(_ assertion: String, clientID inForm: String?, at now: Timestamp) async throws -> ProvenClient {
        let unverified = try UnverifiedJWT(assertion)
        if WorkloadAssertion.isOne(unverified) {
            return try await platform.prove(unverified, clientID: inForm, at: now)
        }
        guard let subject = unverified.claims[Claim.subject]?.string, let clientID = ClientID(subject),
            unverified.claims[Claim.issuer]?.string == subject
        else { throw OAuthError.invalidClient("iss and sub of the client assertion must both be the client_id") }
        if let inForm, inForm != subject {
            throw OAuthError.invalidClient("client_id is not the subject of the client assertion")
        }
        guard let shared = registry.shared(clientID), shared.value.authentication == .privateKeyJWT,
            let keys = shared.value.keys
        else { throw OAuthError.invalidClient(detail: "no such client with private_key_jwt") }

        let key = try await keySets.key(for: unverified.header, in: keys, allowPrivate: false)
        let token = try unverified.verified(
            with: key, algorithms: Set(Self.algorithms),
            types: .anyOf(["jwt", "client-authentication+jwt"], orAbsent: true)
        )
        guard let audience = token.audience, audience == [registry.issuer.text] else {
            throw OAuthError.invalidClient("aud of the client assertion must be exactly \(registry.issuer)")
        }
        guard let expires = try token.time(Claim.expires) else {
            throw OAuthError.invalidClient("the client assertion has no exp")
        }
        guard now.seconds < expires + Self.leeway else {
            throw OAuthError.invalidClient("the client assertion has expired")
        }
        guard expires <= now.seconds + Self.longestLife + Self.leeway else {
            throw OAuthError.invalidClient("exp of the client assertion is more than an hour ahead")
        }
        for claim in [Claim.notBefore, Claim.issuedAt] {
            guard let time = try token.time(claim) else { continue }
            guard time <= now.seconds + Self.leeway, time <= expires else {
                throw OAuthError.invalidClient("\(claim) of the client assertion is in the future")
            }
        }
        if let issuedAt = try token.time(Claim.issuedAt), issuedAt < now.seconds - ForeignTokenVerifier.greatestAge {
            throw OAuthError.invalidClient("iat of the client assertion is more than a day ago")
        }
        guard let jti = try token.string(Claim.jwtID), (1...256).contains(jti.utf8.count) else {
            throw OAuthError.invalidClient("the client assertion needs a jti of 1 to 256 bytes")
        }
        let spend = Spend(
            digest: Self.digest(client: clientID, jti: jti), expires: Timestamp(seconds: expires + Self.leeway)
        )
        return ProvenClient(shared, method: .privateKeyJWT, spends: [spend])
    }

    private static func digest(client: ClientID, jti: String) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: Array("client_assertion\0\(client.text)\0".utf8))
        hash.update(data: Array(jti.utf8))
        return Array(hash.finalize())
    }
}
