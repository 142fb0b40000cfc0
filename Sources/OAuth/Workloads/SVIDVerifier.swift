import JOSE

/// Checks JWT-SVIDs (SPIFFE JWT-SVID sections 2 to 4): signature by a key that the trust domain published for them,
/// `sub`, `aud`, `exp`.
struct SVIDVerifier: Sendable {
    let registry: Registry
    let bundles: SPIFFEBundles

    /// Those of the specification that are supported here; Ed25519 is not among them.
    static let algorithms: Set<SignatureAlgorithm> = [.es256, .rs256, .ps256]
    private static let types = JWTTypes.anyOf(["jwt", "jose"], orAbsent: true)

    /// The workload that a token claims to be, and its trust domain, when that one is trusted. Nothing is checked yet.
    func claimed(_ jwt: UnverifiedJWT) -> (id: SPIFFEID, issuer: TrustedIssuer)? {
        guard let id = jwt.claims[Claim.subject]?.string.flatMap({ SPIFFEID($0) }), !id.path.isEmpty,
            let issuer = registry.issuer(at: IssuerURL(id.trustDomain)), issuer.enabled, issuer.kind == .spiffe
        else { return nil }
        return (id, issuer)
    }

    func verify(_ jwt: UnverifiedJWT, at now: Timestamp) async throws -> VerifiedWorkload {
        guard let (id, issuer) = claimed(jwt) else {
            throw JWTError.refusedClaim("sub must be a SPIFFE ID of a trust domain that is trusted here")
        }
        let key = try await bundles.key(for: jwt.header, of: id.trustDomain)
        let token = try jwt.verified(with: key, algorithms: Self.algorithms, types: Self.types)
        let agreed = issuer.agreedAudiences(at: registry.issuer)
        guard let audience = token.audience, audience.contains(where: agreed.contains) else {
            throw JWTError.refusedClaim("aud must name \(agreed.joined(separator: " or "))")
        }
        guard let expires = try token.time(Claim.expires) else { throw JWTError.refusedClaim("exp is missing") }
        guard now.seconds < expires else { throw JWTError.refusedClaim("exp has passed") }
        guard expires <= now.seconds + Int64(issuer.maxTokenLife) + ForeignTokenVerifier.leeway else {
            throw JWTError.refusedClaim("exp is further ahead than \(issuer.maxTokenLife) s")
        }
        for claim in [Claim.notBefore, Claim.issuedAt] {
            guard let time = try token.time(claim) else { continue }
            guard time <= now.seconds + ForeignTokenVerifier.leeway, time <= expires else {
                throw JWTError.refusedClaim("\(claim) is in the future")
            }
        }
        return VerifiedWorkload(
            issuer: issuer, subject: id.text, audience: audience, jti: try token.string(Claim.jwtID),
            expiresAt: expires, serviceAccount: nil
        )
    }
}
