import Crypto
package import JOSE

/// A workload that its platform vouched for: every check of its token passed.
package struct VerifiedWorkload: Sendable {
    package let issuer: TrustedIssuer
    /// As the platform calls it: a SPIFFE ID, `system:serviceaccount:NAMESPACE:NAME`, or any other `sub`.
    package let subject: String
    package let audience: [String]
    package let jti: String?
    /// Whole seconds since 1970.
    package let expiresAt: Int64
    package let serviceAccount: ServiceAccount?

    /// For the audit record. It holds nothing of the token that would be worth anything.
    package var evidence: String {
        let name = "workload \(issuer.name)=\(subject)"
        return serviceAccount.map { "\(name) (\($0.description))" } ?? name
    }
}

/// Checks what platforms give their workloads to prove themselves with: JWT-SVIDs, service-account tokens of
/// Kubernetes, tokens of any other trusted issuer; and finds the client that a workload is.
package struct WorkloadVerifier: Sendable {
    let registry: Registry
    private let foreign: ForeignTokenVerifier
    private let svids: SVIDVerifier

    package init(foreign: ForeignTokenVerifier, bundles: SPIFFEBundles) {
        registry = foreign.registry
        self.foreign = foreign
        svids = SVIDVerifier(registry: foreign.registry, bundles: bundles)
    }

    /// The client that a token claims to stand for. Nothing is checked yet: it decides whether checking is worth its
    /// price, so that a stranger cannot order signature checks with tokens that stand for nobody.
    func client(claimedBy jwt: UnverifiedJWT) -> Client? {
        if let issuer = issuer(of: jwt) {
            guard let subject = jwt.claims[issuer.subjectClaim]?.string else { return nil }
            return registry.client(for: Workload(issuer: issuer.name, subject: subject))
        }
        guard let (id, issuer) = svids.claimed(jwt) else { return nil }
        return client(for: id, of: issuer)
    }

    /// The client that a workload stands for.
    func client(for workload: VerifiedWorkload) -> Client? {
        guard workload.issuer.kind == .spiffe, let id = SPIFFEID(workload.subject) else {
            return registry.client(for: Workload(issuer: workload.issuer.name, subject: workload.subject))
        }
        return client(for: id, of: workload.issuer)
    }

    private func client(for id: SPIFFEID, of issuer: TrustedIssuer) -> Client? {
        registry.client(for: id) ?? registry.client(for: Workload(issuer: issuer.name, subject: id.text))
    }

    /// The issuer that `iss` names. A JWT-SVID need not have an `iss`, and what it has means nothing.
    private func issuer(of jwt: UnverifiedJWT) -> TrustedIssuer? {
        guard let url = jwt.claims[Claim.issuer]?.string.flatMap({ IssuerURL($0) }) else { return nil }
        guard let issuer = registry.issuer(at: url), issuer.enabled, issuer.kind != .spiffe else { return nil }
        return issuer
    }

    package func verify(
        _ jwt: UnverifiedJWT, role: TokenRole, at now: Timestamp
    ) async throws(OAuthError) -> VerifiedWorkload {
        guard issuer(of: jwt) == nil, svids.claimed(jwt) != nil else {
            let token = try await foreign.verify(jwt, role: role, at: now)
            return VerifiedWorkload(
                issuer: token.issuer, subject: token.subject.subject, audience: token.audience, jti: token.jti,
                expiresAt: token.expiresAt, serviceAccount: token.serviceAccount
            )
        }
        do {
            return try await svids.verify(jwt, at: now)
        } catch let error as JWTError {
            throw OAuthError(.invalidRequest, "the \(role.noun) is not accepted: \(error.reason)", rule: role.rule)
        } catch {
            throw OAuthError(
                .invalidRequest, "the \(role.noun) cannot be verified: the trust domain's keys are not available",
                detail: "\(error)", rule: role.rule
            )
        }
    }

    /// Judges a verified token as a client assertion: for us and nobody else, and once when its issuer says so.
    ///
    /// - Returns: what it spends.
    func judgeAssertion(_ workload: VerifiedWorkload, at now: Timestamp) throws(OAuthError) -> [Spend] {
        let issuer = workload.issuer
        let agreed = issuer.agreedAudiences(at: registry.issuer)
        guard workload.audience.allSatisfy(agreed.contains) else {
            throw OAuthError.invalidClient("aud of the client assertion names somebody else too")
        }
        guard workload.expiresAt <= now.seconds + Int64(issuer.maxTokenLife) + ForeignTokenVerifier.leeway else {
            throw OAuthError.invalidClient("exp of the client assertion is further ahead than \(issuer.maxTokenLife) s")
        }
        guard issuer.singleUse else { return [] }
        guard let jti = workload.jti, (1...256).contains(jti.utf8.count) else {
            throw OAuthError.invalidClient("the client assertion needs a jti of 1 to 256 bytes")
        }
        var hash = SHA256()
        hash.update(data: Array("workload_assertion\0\(issuer.name)\0".utf8))
        hash.update(data: Array(jti.utf8))
        let expires = workload.expiresAt + ForeignTokenVerifier.leeway
        return [Spend(digest: Array(hash.finalize()), expires: Timestamp(seconds: expires))]
    }
}
