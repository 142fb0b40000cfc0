import Crypto
import JOSE
package import Vault

/// Where security events come in: signed statements of trusted issuers (RFC 8417), pushed to us (RFC 8935). This is how
/// people leave by machine.
///
/// The signature is the sender's only credential. Whoever has one such token can send it again, so each counts once, and
/// each refusal is recorded once.
package struct EventIntake: Sendable {
    /// How a delivery ended. A refusal is final: sending the same again changes nothing.
    package enum Outcome: Sendable, Equatable {
        case accepted
        case refused(IntakeRefusal)
    }

    private let registry: Registry
    private let keySets: KeySets
    private let subjects: SubjectDesk
    private let store: any Store
    private let ledger: Ledger
    private let signatures: SignatureBudget
    private let now: Now

    /// The only `typ` that is an event (RFC 8417 section 2.3).
    package static let type = "secevent+jwt"
    /// Seconds that a delivery may take. An identity provider tries again for days; its `jti` is remembered as long.
    static let greatestAge: Int64 = 7 * 86_400
    /// Seconds that the issuer's clock may run ahead.
    static let leeway: Int64 = 60
    private static let longestID = 256
    /// Seconds after which it should be sent again when the issuer's keys could not be fetched.
    private static let retryAfter = 10
    private static let types = JWTTypes.exactly(type)

    package init(
        registry: Registry, keySets: KeySets, subjects: SubjectDesk, store: any Store, ledger: Ledger,
        signatures: SignatureBudget, now: @escaping Now
    ) {
        self.registry = registry
        self.keySets = keySets
        self.subjects = subjects
        self.store = store
        self.ledger = ledger
        self.signatures = signatures
        self.now = now
    }

    /// Takes one event. When this returns, what it says has taken effect, durably.
    ///
    /// - Throws: `temporarily_unavailable` when the issuer's keys cannot be had; it should be sent again. `slow_down`
    ///   when its address sent too many that were not signed rightly, or had been sent before.
    package func receive(_ compact: String, context: RequestContext) async throws -> Outcome {
        let time = now()
        let issuer: TrustedIssuer
        let token: VerifiedJWT
        do {
            let unverified = try Self.parse(compact)
            issuer = try trusted(unverified)
            try signatures.require(context.peer, at: time)
            token = try await verified(unverified, of: issuer)
        } catch let refusal as IntakeRefusal {
            // Anyone can have written this: it is logged and counted, nothing more.
            if refusal.code == .authenticationFailed { signatures.spend(context.peer, at: time) }
            return .refused(refusal)
        }
        do {
            try await take(try judge(token, of: issuer, at: time), of: issuer, context: context)
            return .accepted
        } catch let refusal as IntakeRefusal {
            try await record(refusal, of: issuer, compact, context: context, at: time)
            return .refused(refusal)
        }
    }

    // MARK: Who says it

    private static func parse(_ compact: String) throws(IntakeRefusal) -> UnverifiedJWT {
        let token: UnverifiedJWT
        do {
            token = try UnverifiedJWT(compact)
        } catch {
            throw IntakeRefusal(.invalidRequest, "the body must be one signed token in compact form")
        }
        guard types.allows(token.header.type) else { throw IntakeRefusal(.invalidRequest, "typ must be \(type)") }
        return token
    }

    /// A stranger is sent away before anything is fetched.
    private func trusted(_ token: UnverifiedJWT) throws(IntakeRefusal) -> TrustedIssuer {
        guard let url = token.claims[Claim.issuer]?.string.flatMap({ IssuerURL($0) }),
            let issuer = registry.issuer(at: url), issuer.enabled, issuer.kind.hasUsers
        else { throw IntakeRefusal(.invalidIssuer, "iss is not an issuer that is trusted here") }
        return issuer
    }

    private func verified(_ token: UnverifiedJWT, of issuer: TrustedIssuer) async throws -> VerifiedJWT {
        guard let algorithm = token.header.algorithm, ForeignTokenVerifier.algorithms.contains(algorithm) else {
            throw IntakeRefusal(.invalidKey, "the signature algorithm is not accepted")
        }
        do {
            let key = try await keySets.key(for: token.header, of: issuer)
            return try token.verified(with: key, algorithms: ForeignTokenVerifier.algorithms, types: Self.types)
        } catch JWTError.badSignature {
            throw IntakeRefusal(.authenticationFailed, "the signature does not verify")
        } catch is JWTError {
            throw IntakeRefusal(.invalidKey, "the issuer has published no key that fits")
        } catch {
            throw OAuthError(
                .temporarilyUnavailable, "the issuer's keys are not available now; send it again", detail: "\(error)",
                retryAfter: Self.retryAfter
            )
        }
    }

    // MARK: What it says

    /// An event whose every claim is as it must be.
    private struct Judged {
        let spend: Spend
        let events: [ReportedEvent]
        /// Nil when nothing ends.
        let user: UserSubject?
    }

    private func judge(
        _ token: VerifiedJWT, of issuer: TrustedIssuer, at now: Timestamp
    ) throws(IntakeRefusal) -> Judged {
        let id: String?
        let issuedAt: Int64?
        do {
            id = try token.string(Claim.jwtID)
            issuedAt = try token.time(Claim.issuedAt)
        } catch {
            throw IntakeRefusal(.invalidRequest, "jti must be a text and iat a time")
        }
        guard let audience = token.audience, audience.contains(where: audiences.contains) else {
            throw IntakeRefusal(.invalidAudience, "aud must name \(audiences.joined(separator: " or "))")
        }
        guard token.claims[Claim.expires] == nil, token.claims[Claim.subject] == nil else {
            throw IntakeRefusal(.invalidRequest, "an event has neither exp nor sub: it is no other kind of token")
        }
        guard let id, (1...Self.longestID).contains(id.utf8.count) else {
            throw IntakeRefusal(.invalidRequest, "jti must be a text of 1 to \(Self.longestID) bytes")
        }
        guard let issuedAt else { throw IntakeRefusal(.invalidRequest, "iat is missing") }
        guard issuedAt <= now.seconds + Self.leeway else {
            throw IntakeRefusal(.invalidRequest, "iat is in the future")
        }
        guard issuedAt >= now.seconds - Self.greatestAge else {
            throw IntakeRefusal(.invalidRequest, "iat is more than \(Self.greatestAge / 86_400) days ago")
        }
        guard let events = ReportedEvent.all(in: token.claims["events"]) else {
            throw IntakeRefusal(.invalidRequest, "events must be an object with an object for each event type")
        }
        let spend = Spend(
            digest: Self.digest("event", issuer.url.text, id),
            expires: Timestamp(seconds: issuedAt + Self.greatestAge + Self.leeway)
        )
        var user: UserSubject?
        if events.contains(where: \.endsSubject) { user = try self.user(token, of: issuer) }
        return Judged(spend: spend, events: events, user: user)
    }

    /// An event is for us when it names the server or this very endpoint.
    private var audiences: [String] { [registry.issuer.text, registry.issuer.text + "/events"] }

    /// The user whom it is about, always one of the issuer's own.
    private func user(_ token: VerifiedJWT, of issuer: TrustedIssuer) throws(IntakeRefusal) -> UserSubject {
        let name: String
        do {
            switch try ReportedSubject(token.claims[ReportedSubject.member]) {
            case .opaque(let id): name = id
            case .issuerAndSubject(let url, let subject):
                guard url.utf8.elementsEqual(issuer.url.text.utf8) else {
                    throw IntakeRefusal(.accessDenied, "an issuer speaks only for its own users")
                }
                // Its users have other names here. To do nothing and say yes would leave them in.
                guard issuer.subjectClaim == Claim.subject else {
                    throw IntakeRefusal(
                        .invalidRequest, "users of this issuer are known by \(issuer.subjectClaim): send it as opaque"
                    )
                }
                name = subject
            }
        } catch let objection as ReportedSubject.Objection {
            throw IntakeRefusal(.invalidRequest, objection.description)
        } catch let refusal as IntakeRefusal {
            throw refusal
        } catch {
            throw IntakeRefusal(.invalidRequest, "sub_id cannot be read")
        }
        guard let user = UserSubject(issuer: issuer.name, subject: name) else {
            throw IntakeRefusal(.invalidRequest, "the subject must be 1 to 255 bytes without control characters")
        }
        return user
    }

    // MARK: What follows

    private func take(_ judged: Judged, of issuer: TrustedIssuer, context: RequestContext) async throws {
        func entry(at time: Timestamp) -> Entry {
            var event = record(.allow, of: issuer, context: context, at: time)
            event.delegatingUser = judged.user?.claim
            event.requestContext = judged.events.map(\.shortName).joined(separator: " ")
            event.policyEvaluation = .init(
                verdict: "permit", rule: "security_event",
                reason: judged.user == nil ? "acknowledged without effect" : "the user's tokens and delegations end"
            )
            return Entry(changes: [.spend(judged.spend)], audit: [event])
        }
        // Delivery is at least once. What was taken before must not come near the ledger: a tombstone takes hold there
        // before anybody finds out that its entry cannot be committed.
        if try await store.isSpent(judged.spend.digest) {
            signatures.spend(context.peer, at: now())
            return
        }
        do {
            if let user = judged.user {
                try await subjects.end(user, reason: "security event of \(issuer.name)", with: entry)
            } else {
                try await ledger.commit(entry(at: now()))
            }
        } catch CommitFailure.spent {
            // The same event came twice in this very moment; the other one was taken.
        }
    }

    /// A refusal is recorded when the signature is right, and once: whoever has the token can send it all day.
    private func record(
        _ refusal: IntakeRefusal, of issuer: TrustedIssuer, _ compact: String, context: RequestContext,
        at time: Timestamp
    ) async throws {
        var event = record(.deny, of: issuer, context: context, at: time)
        event.policyEvaluation = .init(verdict: "refuse", rule: refusal.code.rawValue, reason: refusal.description)
        let spend = Spend(
            digest: Self.digest("refused event", issuer.url.text, compact),
            expires: time.adding(seconds: Int(Self.greatestAge))
        )
        do {
            try await ledger.commit(Entry(changes: [.spend(spend)], audit: [event]))
        } catch CommitFailure.spent {
            signatures.spend(context.peer, at: time)
        }
    }

    private func record(
        _ decision: AuditEvent.Decision, of issuer: TrustedIssuer, context: RequestContext, at time: Timestamp
    ) -> AuditEvent {
        var event = AuditEvent(timestamp: time.milliseconds, name: .eventReceived, decision: decision)
        event.describe(context)
        event.target = "issuer/\(issuer.name)"
        return event
    }

    private static func digest(_ kind: String, _ issuer: String, _ value: String) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: Array("\(kind)\0\(issuer)\0".utf8))
        hash.update(data: Array(value.utf8))
        return Array(hash.finalize())
    }
}

extension AuditEvent.Name {
    package static let eventReceived = Self(rawValue: "event.received")
}
