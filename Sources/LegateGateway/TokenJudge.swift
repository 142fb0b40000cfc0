import JOSE
import Revocations
import Synchronization

/// Decides about tokens with what is in memory: no waiting, no input or output.
final class TokenJudge: Sendable {
    let keys: PublishedKeys
    let freshness: Freshness
    let possession: Possession
    let revocations = RevocationSet()

    private let issuer: String
    private let resources: Set<String>
    private let clock: GatewayClock
    private let remembered = VerifiedTokens()

    /// What a Legate signs access tokens with.
    private static let algorithms: Set<SignatureAlgorithm> = [.es256, .ed25519, .rs256]

    init(_ settings: GatewaySettings) {
        issuer = settings.issuer
        resources = settings.resources
        clock = settings.clock
        keys = PublishedKeys(clock: settings.clock)
        freshness = Freshness(limit: settings.failClosedAfter, clock: settings.clock)
        possession = Possession(settings)
    }

    /// The token, if it is live at this moment and may be used by whoever carries it.
    func verify(_ compact: String) throws(RefusedToken) -> VerifiedToken {
        let token = try live(compact)
        try possession.allowBearer(token)
        return token
    }

    /// The token of the call, if it is live at this moment and its sender has proved to hold what it is bound to.
    func verify(_ call: GatewayCall) throws(RefusedToken) -> VerifiedToken {
        let (scheme, compact) = try call.credentials()
        // The token first: nobody without a live one can order us to verify the signature of a proof.
        var token = try live(compact)
        token.nextNonce = try possession.prove(token, sentAs: compact, under: scheme, in: call)
        return token
    }

    /// The token, if it is live at this moment; who sent it has not been asked.
    private func live(_ compact: String) throws(RefusedToken) -> VerifiedToken {
        // The first question is whether there is an answer at all.
        guard freshness.isFresh, let published = keys.current else { throw .unavailable }
        let token = try read(compact, published)
        let now = clock.seconds()
        guard now < token.expiresAt else { throw .expired }
        if let notBefore = token.notBefore, now < notBefore { throw .notYetValid }
        guard !revocations.isDead(token.ids) else { throw .revoked }
        return token
    }

    /// A token with a good signature, live or not.
    private func read(_ compact: String, _ published: JWKSet) throws(RefusedToken) -> VerifiedToken {
        if let token = remembered.token(for: compact), let keyID = token.ids.keyID,
            published.keys.contains(where: { $0.keyID == keyID })
        {
            return token
        }
        let verified: VerifiedJWT
        do throws(JWTError) {
            verified = try UnverifiedJWT(compact).verified(
                with: published, algorithms: Self.algorithms, types: .exactly("at+jwt"))
        } catch .unknownKey {
            keys.request(floor: PublishedKeys.strangersFloor)
            throw .unknownKey
        } catch {
            throw .invalid(error.description)
        }
        // Without a kid it could not be told apart which key's revocation ends it.
        guard verified.header.keyID != nil else { throw .invalid("The token names no key.") }
        let token = try VerifiedToken(verified, issuer: issuer, resources: resources)
        remembered.remember(token, for: compact)
        return token
    }
}
