/// What a gateway has to know: whose tokens, for which resource, and how it reads the feed.
public struct GatewayConfiguration: Sendable {
    /// The issuer, exactly as it stands in `iss`: `https`, or `http` on loopback.
    public var issuer: String
    /// The resource identifiers that this gateway answers for. A token is for exactly one of them.
    public var resources: Set<String>
    /// With what the gateway reads the feed.
    public var credentials: GatewayCredentials
    /// For how long tokens are still accepted when nothing is heard from the feed: 4 s to 900 s. The feed gives a sign
    /// of life every 2 s, in whole seconds.
    ///
    /// It is the longest time for which a revoked token can be accepted while the feed is cut off. It is measured
    /// against the time that the server has signed: the clocks of both machines must be right.
    public var failClosedAfter: Duration
    /// A PEM file with certificates to trust besides those of the system.
    public var certificateAuthority: String?
    /// Where the feed is read, when it is not `{issuer}/revocations`: a cache or mirror. It needs no trust.
    public var feedURL: String?
    /// Where the key set is read, when it is not `{issuer}/.well-known/jwks.json`. Whoever answers there is trusted.
    public var keysURL: String?
    /// The most tombstones that are held. When the server has more, nothing is accepted.
    public var maximumRevocations = 2_000_000
    /// Where callers reach the API: scheme, host and port, and the path under which it stands, such as
    /// `https://orders.example.com`. A DPoP proof must name the URL of its call, and this is what it is compared with,
    /// never a header of the call.
    ///
    /// Without it tokens that are bound to a key (RFC 9449) are refused.
    public var publicURL: String?
    /// Whether only tokens that are bound to a key are accepted.
    public var requireDPoP = false
    /// Whether each proof must carry a nonce of this gateway (RFC 9449 section 9): a proof that was made in advance, or
    /// for another gateway of the same API, is good for nothing then. It costs each caller one more call now and then.
    public var requireDPoPNonce = false
    /// Whether only tokens that are bound to a client certificate are accepted (RFC 8705).
    public var requireCertificate = false
    /// Proofs that are remembered at once, each for up to two and a half minutes: about 30 bytes each. One key may have a
    /// tenth of them; when it has, its calls are refused, and when all are taken, those of all keys are.
    public var maximumProofs = 1_000_000
    public var clock = GatewayClock.system

    public init(
        issuer: String, resources: Set<String>, credentials: GatewayCredentials,
        failClosedAfter: Duration = .seconds(10)
    ) {
        self.issuer = issuer
        self.resources = resources
        self.credentials = credentials
        self.failClosedAfter = failClosedAfter
    }
}

/// A setting that cannot work. The text says what would have to change.
public struct GatewayConfigurationError: Error, Equatable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
