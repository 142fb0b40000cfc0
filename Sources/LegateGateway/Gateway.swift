import AsyncHTTPClient
import JOSE
public import Logging
import NIOCore
import NIOSSL
import Revocations
public import ServiceLifecycle

/// Verifies access tokens where they are used, without asking the server about each: it holds the server's keys and
/// follows its revocation feed.
///
/// Run it as a service beside your application; `verify` refuses everything until the feed has been read once, and again
/// when the feed has been silent for longer than `GatewayConfiguration.failClosedAfter`.
///
///     let gateway = try Gateway(
///         GatewayConfiguration(
///             issuer: "https://auth.example.com", resources: ["https://orders.example.com"],
///             credentials: GatewayCredentials(clientID: "orders", secret: secret)
///         ),
///         logger: logger
///     )
///     let token = try gateway.verify(
///         GatewayCall(method: "GET", target: "/orders", authorization: [header], proofs: proofs)
///     )
///     try token.require(scope: "orders:read")
public final class Gateway: Service {
    private let settings: GatewaySettings
    private let judge: TokenJudge
    private let observer: (any GatewayObserver)?
    private let logger: Logger

    /// For how long an honest token with a new key is held until the key set has been read.
    private static let patience = Duration.seconds(2)
    /// Between two looks for tombstones that have expired.
    private static let pruning = Duration.seconds(30)
    /// A tombstone stays for so many seconds longer, should the time of day be set back.
    private static let afterlife: Int64 = 60

    /// - Throws: `GatewayConfigurationError`.
    public convenience init(_ configuration: GatewayConfiguration, logger: Logger) throws {
        try self.init(settings: GatewaySettings(configuration), observer: nil, logger: logger)
    }

    /// A gateway that verifies nothing itself: it tells the observer what it learns.
    package convenience init(
        following configuration: GatewayConfiguration, observer: any GatewayObserver, logger: Logger
    ) throws {
        try self.init(
            settings: GatewaySettings(configuration, needsResource: false), observer: observer, logger: logger)
    }

    private init(settings: GatewaySettings, observer: (any GatewayObserver)?, logger: Logger) {
        self.settings = settings
        self.observer = observer
        self.logger = logger
        judge = TokenJudge(settings)
    }

    /// Whether tokens can be accepted at the moment: false after the start, until the feed has been read, and while it is
    /// silent.
    public var isLive: Bool { judge.freshness.isFresh && judge.keys.current != nil }

    /// How many tombstones are held.
    public var revocations: Int { judge.revocations.count }

    /// The token of the call, if it is live at this moment, for this gateway, and its sender has proved to hold what it
    /// is bound to.
    ///
    /// It never waits. Signature, type, issuer, audience, lifetime, the chain of actors and everything by which the token
    /// can have been revoked are checked each time; only the signature check of a token seen before is remembered. A
    /// token that is bound to a key needs a proof by that key, made for this call and used once (RFC 9449 section 4.3);
    /// one that is bound to a certificate needs that certificate (RFC 8705 section 3).
    public func verify(_ call: GatewayCall) throws(RefusedToken) -> VerifiedToken {
        try judge.verify(call)
    }

    /// Like `verify`, but when the token's key is not known it may wait for the key set, for 2 s at most: so no honest
    /// token is refused when the server has begun to sign with a new key out of turn.
    public func verifyFetchingKeys(_ call: GatewayCall) async throws(RefusedToken) -> VerifiedToken {
        do throws(RefusedToken) {
            return try judge.verify(call)
        } catch .unknownKey {
            await judge.keys.refreshed(floor: PublishedKeys.strangersFloor, patience: Self.patience)
            return try judge.verify(call)
        }
    }

    /// The token, if it is live at this moment, for this gateway, and bound to nothing: a token that is bound to a key or
    /// certificate is refused, and so is every other where the configuration requires one.
    ///
    /// - Parameter token: as it stands after `Bearer ` in the `Authorization` header.
    public func verify(_ token: String) throws(RefusedToken) -> VerifiedToken {
        try judge.verify(token)
    }

    /// Like `verify` of a token, with the patience of `verifyFetchingKeys` of a call.
    public func verifyFetchingKeys(_ token: String) async throws(RefusedToken) -> VerifiedToken {
        do throws(RefusedToken) {
            return try judge.verify(token)
        } catch .unknownKey {
            await judge.keys.refreshed(floor: PublishedKeys.strangersFloor, patience: Self.patience)
            return try judge.verify(token)
        }
    }

    /// The answer to a call that was refused.
    ///
    /// - Parameters:
    ///   - scopes: what the call would have needed.
    ///   - resourceMetadata: the address of the resource's metadata document (RFC 9728).
    public func answer(
        to call: GatewayCall, refusedBy refusal: RefusedToken, scopes: [String] = [], resourceMetadata: String? = nil
    ) -> GatewayAnswer {
        let challenges = Challenges(takesDPoP: settings.publicURL != nil, requiresDPoP: settings.requireDPoP)
        let givesNonce = refusal == .nonceNeeded || settings.requireDPoPNonce
        return GatewayAnswer(
            refusal,
            challenges: challenges.fields(
                for: refusal, isUnderDPoP: call.isUnderDPoP, scopes: scopes, metadata: resourceMetadata),
            nonce: givesNonce ? judge.possession.nonces.current : nil)
    }

    /// Reads keys and feed until the service is stopped or the task is cancelled.
    ///
    /// - Throws: `GatewayConfigurationError` when the file of certificates cannot be read.
    public func run() async throws {
        let client = try makeClient()
        let upstream = Upstream(client, settings)
        let follower = FeedFollower(
            settings: settings, judge: judge, upstream: upstream, observer: observer, logger: logger)
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.judge.keys.keep { await self.readKeys(from: upstream) } }
                group.addTask { await follower.run() }
                group.addTask { await self.prune() }
                await group.waitForAll()
            }
        }
        try await client.shutdown()
    }

    private func makeClient() throws -> HTTPClient {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let file = settings.certificateAuthority {
            do {
                tls.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMFile(file))]
            } catch {
                throw GatewayConfigurationError("\(file) holds no certificates in PEM form")
            }
        }
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.timeout = .init(connect: .seconds(5), read: Upstream.silence)
        configuration.httpVersion = .http1Only
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    private func readKeys(from upstream: Upstream) async {
        do {
            let (set, maximumAge) = try await upstream.keys()
            if let changed = judge.keys.take(set, maximumAge: maximumAge) {
                logger.info("the key set has changed", metadata: ["keys": "\(changed.keys.count)"])
                await observer?.published(changed)
            }
        } catch {
            judge.keys.failed()
            if !Task.isCancelled {
                logger.warning("the key set cannot be read", metadata: ["reason": "\(error)"])
            }
        }
    }

    private func prune() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.pruning)
            judge.revocations.prune(at: settings.clock.seconds() - Self.afterlife)
        }
    }
}
