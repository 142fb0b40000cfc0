package import JOSE

/// A token of a trusted issuer that passed every check: who it speaks of, and until when.
package struct ForeignToken: Sendable {
    package let issuer: TrustedIssuer
    package let subject: UserSubject
    package let groups: [String]
    package let jti: String?
    /// The one client that the issuer lets act, when it names one.
    package let mayAct: ClientID?
    /// Whole seconds since 1970.
    package let expiresAt: Int64
    /// All that `aud` names.
    package var audience: [String] = []
    /// What a Kubernetes cluster says of its service account.
    package var serviceAccount: ServiceAccount?
    /// What its sender has to prove to hold, when its issuer bound it.
    package var confirmation: Confirmation?
}

/// What a token is shown as.
package enum TokenRole: Sendable {
    /// It says for whom.
    case subject
    /// It says who acts.
    case actor
    /// It proves a client.
    case assertion

    /// For error texts.
    var noun: String {
        switch self {
        case .subject: "subject token"
        case .actor: "actor token"
        case .assertion: "client assertion"
        }
    }

    /// What refuses a token that is not good, as audit records name it.
    var rule: String {
        switch self {
        case .subject: "subject_token"
        case .actor: "actor_token"
        case .assertion: "client_assertion"
        }
    }
}

/// Checks tokens of trusted issuers: signature, `iss`, `aud`, `exp`, `nbf`, `iat`, algorithm and `typ`.
package struct ForeignTokenVerifier: Sendable {
    package let registry: Registry
    package let keySets: KeySets

    /// Seconds that another issuer's clock may run ahead (`nbf`, `iat`). There is no leeway for `exp`.
    package static let leeway: Int64 = 60
    /// Seconds. A token older than this is stale, however far away its `exp` is.
    package static let greatestAge: Int64 = 86_400

    package static let algorithms: Set<SignatureAlgorithm> = [.es256, .ed25519, .rs256, .ps256]
    private static let types = JWTTypes.anyOf(["jwt", "at+jwt"], orAbsent: true)

    package func verify(
        _ jwt: UnverifiedJWT, role: TokenRole, at now: Timestamp
    ) async throws(OAuthError) -> ForeignToken {
        func refuse(_ why: String, detail: String? = nil) -> OAuthError {
            OAuthError(.invalidRequest, "the \(role.noun) \(why)", detail: detail, rule: role.rule)
        }
        guard let url = jwt.claims[Claim.issuer]?.string.flatMap({ IssuerURL($0) }),
            let issuer = registry.issuer(at: url), issuer.enabled, issuer.kind != .spiffe
        else { throw refuse("is not of an issuer that is trusted here") }
        guard role != .subject || issuer.kind.hasUsers else {
            throw refuse("is of an issuer that has workloads and no users: it can only be an actor token")
        }
        let token: VerifiedJWT
        do {
            let key = try await keySets.key(for: jwt.header, of: issuer)
            token = try jwt.verified(with: key, algorithms: Self.algorithms, types: Self.types)
        } catch let error as JWTError {
            throw refuse("cannot be verified: \(error.reason)")
        } catch {
            throw refuse("cannot be verified: the issuer's keys are not available", detail: "\(error)")
        }
        let read: ForeignToken
        do throws(JWTError) {
            read = try self.read(token, of: issuer, at: now)
        } catch {
            throw refuse("is not accepted: \(error.reason)")
        }
        guard role == .subject || read.confirmation == nil else {
            throw refuse("is bound to a key or a certificate: only one that is not can prove a workload")
        }
        return read
    }

    private func read(
        _ token: VerifiedJWT, of issuer: TrustedIssuer, at now: Timestamp
    ) throws(JWTError) -> ForeignToken {
        let agreed = issuer.agreedAudiences(at: registry.issuer)
        guard let audience = token.audience, audience.contains(where: agreed.contains) else {
            throw .refusedClaim("aud must name \(agreed.joined(separator: " or "))")
        }
        guard let expires = try token.time(Claim.expires) else { throw .refusedClaim("exp is missing") }
        guard now.seconds < expires else { throw .refusedClaim("exp has passed") }
        if !issuer.kind.hasUsers, expires > now.seconds + Int64(issuer.maxTokenLife) + Self.leeway {
            throw .refusedClaim("exp is further ahead than \(issuer.maxTokenLife) s")
        }
        let notBefore = try token.time(Claim.notBefore)
        if let notBefore, notBefore > now.seconds + Self.leeway { throw .refusedClaim("nbf is in the future") }
        if let notBefore, notBefore > expires { throw .refusedClaim("nbf is after exp") }
        if let issuedAt = try token.time(Claim.issuedAt) {
            if issuedAt > now.seconds + Self.leeway { throw .refusedClaim("iat is in the future") }
            if issuedAt > expires { throw .refusedClaim("iat is after exp") }
            if issuedAt < now.seconds - Self.greatestAge { throw .refusedClaim("iat is more than a day ago") }
        }
        guard let name = try token.string(issuer.subjectClaim),
            let subject = UserSubject(issuer: issuer.name, subject: name)
        else { throw .refusedClaim("\(issuer.subjectClaim) must be a text of 1 to 255 printable bytes") }
        if token.claims[Claim.actor] != nil {
            throw .refusedClaim("it has act, so it is delegated already")
        }
        var mayAct: ClientID?
        if let claim = token.claims[Claim.mayAct] {
            guard let named = claim.object?[Claim.subject]?.string, let client = ClientID(named) else {
                throw .refusedClaim("may_act must be an object whose sub is a client id")
            }
            mayAct = client
        }
        let account = try issuer.kind == .kubernetes ? ServiceAccount(of: token) : nil
        var confirmation: Confirmation?
        if let claim = token.claims[Claim.confirmation] {
            guard let bound = Confirmation(claim: claim) else { throw .badClaim(Claim.confirmation) }
            confirmation = bound
        }
        return ForeignToken(
            issuer: issuer, subject: subject,
            groups: token.claims[issuer.groupsClaim]?.array?.compactMap(\.string) ?? [],
            jti: try token.string(Claim.jwtID), mayAct: mayAct, expiresAt: expires, audience: audience,
            serviceAccount: account, confirmation: confirmation
        )
    }
}
