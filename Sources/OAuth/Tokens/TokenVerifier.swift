package import JOSE
package import Revocations
import Synchronization

/// Verifies our own access tokens: signature, type, issuer, lifetime and revocation, always all of them.
package final class TokenVerifier: Sendable {
    package enum Failure: Error, Sendable, Equatable, CustomStringConvertible {
        /// Not one of our access tokens at all.
        case notOurs(JWTError)
        case expired
        case revoked
        /// Not bound to what its client or its resource demands by now.
        case unbound

        /// For the log.
        package var description: String {
            switch self {
            case .notOurs(let error): "not an access token of this server: \(error.reason)"
            case .expired: "expired"
            case .revoked: "revoked"
            case .unbound: "not bound to what its client or resource demands"
            }
        }
    }

    private let issuer: IssuerURL
    private let keys: SigningKeys
    private let registry: Registry
    private let revocations: RevocationSet
    private let verified: VerifiedTokens
    private let budget: SignatureBudget

    package init(
        issuer: IssuerURL, keys: SigningKeys, registry: Registry, revocations: RevocationSet,
        budget: SignatureBudget = SignatureBudget()
    ) {
        self.issuer = issuer
        self.keys = keys
        self.registry = registry
        self.revocations = revocations
        verified = VerifiedTokens()
        self.budget = budget
    }

    /// Call this before a token of a stranger is verified.
    ///
    /// - Throws: `slow_down` when its address has sent too many that did not verify, and this one was never verified.
    package func admit(_ compact: String, from peer: String, at now: Timestamp) throws(OAuthError) {
        do throws(OAuthError) {
            try budget.require(peer, at: now)
        } catch {
            if verified.token(for: compact) == nil { throw error }
        }
    }

    /// A live token of ours, bound to what it has to be, or why it is not one.
    ///
    /// - Parameter peer: a stranger's address, whose wrong signatures are counted.
    package func verify(
        _ compact: String, from peer: String? = nil, at now: Timestamp
    ) throws(Failure) -> AccessToken {
        let token = try verifyUnproved(compact, from: peer, at: now)
        guard registry.isBoundAsDemanded(token) else { throw .unbound }
        return token
    }

    /// The same for whoever asks `PossessionCheck` next: that one tells the sender what the token has to be bound to.
    package func verifyUnproved(
        _ compact: String, from peer: String?, at now: Timestamp
    ) throws(Failure) -> AccessToken {
        let token: AccessToken
        do throws(Failure) {
            token = try parse(compact, at: now)
        } catch {
            if let peer, error == .notOurs(.badSignature) { budget.spend(peer, at: now) }
            throw error
        }
        guard Self.isOfNow(token, at: now) else { throw .expired }
        guard isStanding(token, at: now) else { throw .revoked }
        return token
    }

    /// Whether a token that was verified before is still worth anything.
    package func isLive(_ token: AccessToken, at now: Timestamp) -> Bool {
        Self.isOfNow(token, at: now) && isStanding(token, at: now) && registry.isBoundAsDemanded(token)
    }

    /// Within its life. A token that was made while the clock was ahead would live longer than it was given, by as much.
    private static func isOfNow(_ token: AccessToken, at now: Timestamp) -> Bool {
        now.seconds < token.expiresAt && token.identity.issuedAt <= now.adding(seconds: skew).seconds
    }

    /// Seconds that a clock may be set back without any token being refused.
    private static let skew = 60

    /// A token that we signed, live or not.
    package func parse(_ compact: String, at now: Timestamp) throws(Failure) -> AccessToken {
        let published = keys.published(at: now)
        if let token = verified.token(for: compact), let keyID = token.identity.keyID,
            published.keys.contains(where: { $0.keyID == keyID })
        {
            return token
        }
        do throws(JWTError) {
            let jwt = try UnverifiedJWT(compact)
            let verified = try jwt.verified(
                with: published, algorithms: Set(Resource.signingAlgorithms), types: .exactly(AccessToken.type)
            )
            let token = try AccessToken(verified, issuer: issuer)
            self.verified.remember(token, for: compact, at: now)
            return token
        } catch {
            throw .notOurs(error)
        }
    }

    /// Whether nothing that the token stands on has been withdrawn: no tombstone, and everything that it needs there.
    private func isStanding(_ token: AccessToken, at now: Timestamp) -> Bool {
        !revocations.isDead(token.identity.ids) && registry.upholds(token, at: now)
    }
}

/// Tokens whose signature was verified lately, by their exact bytes. Bounded; what is old falls out.
///
/// Only the signature check is remembered: expiry and revocation are looked at every time.
private final class VerifiedTokens: Sendable {
    private struct Generations {
        var young: [String: AccessToken] = [:]
        var old: [String: AccessToken] = [:]
    }

    private static let capacity = 4096
    private let state = Mutex(Generations())

    func token(for compact: String) -> AccessToken? {
        state.withLock { state in
            if let token = state.young[compact] { return token }
            guard let token = state.old[compact] else { return nil }
            state.young[compact] = token
            return token
        }
    }

    func remember(_ token: AccessToken, for compact: String, at now: Timestamp) {
        guard compact.utf8.count <= 4096, token.expiresAt > now.seconds else { return }
        state.withLock { state in
            state.young[compact] = token
            if state.young.count >= Self.capacity {
                state.old = state.young
                state.young = [:]
            }
        }
    }
}
