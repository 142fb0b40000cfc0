/// The configuration, checked.
struct GatewaySettings: Sendable {
    let issuer: String
    let resources: Set<String>
    let authorization: String
    let failClosedAfter: Duration
    let certificateAuthority: String?
    let feedURL: String
    let keysURL: String
    let maximumRevocations: Int
    let publicURL: PublicURL?
    let requireDPoP: Bool
    let requireDPoPNonce: Bool
    let requireCertificate: Bool
    let maximumProofs: Int
    let clock: GatewayClock

    /// Two heartbeats at least; and by the end every token that could have been revoked has expired.
    private static let patience: ClosedRange<Duration> = .seconds(4) ... .seconds(900)

    /// - Parameter needsResource: false for a follower that verifies no tokens.
    init(_ configuration: GatewayConfiguration, needsResource: Bool = true) throws(GatewayConfigurationError) {
        func checked(_ url: String, _ name: String) throws(GatewayConfigurationError) -> String {
            guard Self.isAcceptable(url) else {
                throw GatewayConfigurationError(
                    "the \(name) must be an https URL (http only on loopback) without query and fragment")
            }
            return url
        }
        guard !configuration.resources.contains(""), !needsResource || !configuration.resources.isEmpty else {
            throw GatewayConfigurationError("a gateway needs the identifier of at least one resource")
        }
        guard Self.patience.contains(configuration.failClosedAfter) else {
            throw GatewayConfigurationError("the time without a heartbeat must be 4 s to 900 s")
        }
        guard configuration.maximumRevocations > 0 else {
            throw GatewayConfigurationError("the number of revocations must be at least 1")
        }
        guard configuration.maximumProofs >= 10 else {
            throw GatewayConfigurationError("the number of proofs must be at least 10")
        }
        guard configuration.publicURL != nil || !(configuration.requireDPoP || configuration.requireDPoPNonce) else {
            throw GatewayConfigurationError("a gateway that requires DPoP needs the public URL of its API")
        }
        if let url = configuration.publicURL {
            publicURL = PublicURL(try checked(url, "public URL"))
            guard publicURL != nil else { throw GatewayConfigurationError("the public URL is not a URL with a host") }
        } else {
            publicURL = nil
        }
        issuer = try checked(configuration.issuer, "issuer")
        let base = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
        feedURL = try checked(configuration.feedURL ?? base + "/revocations", "address of the feed")
        keysURL = try checked(configuration.keysURL ?? base + "/.well-known/jwks.json", "address of the key set")
        resources = configuration.resources
        authorization = configuration.credentials.basic
        failClosedAfter = configuration.failClosedAfter
        certificateAuthority = configuration.certificateAuthority
        maximumRevocations = configuration.maximumRevocations
        requireDPoP = configuration.requireDPoP
        requireDPoPNonce = configuration.requireDPoPNonce
        requireCertificate = configuration.requireCertificate
        maximumProofs = configuration.maximumProofs
        clock = configuration.clock
    }

    private static func isAcceptable(_ url: String) -> Bool {
        guard url.utf8.count <= 512, url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
            !url.utf8.contains(where: { "?#@\\".utf8.contains($0) })
        else { return false }
        if url.hasPrefix("https://") { return url.utf8.count > 8 && !url.hasPrefix("https:///") }
        for host in ["127.0.0.1", "localhost", "[::1]"] where url.hasPrefix("http://" + host) {
            let rest = url.utf8.dropFirst(7 + host.utf8.count)
            return rest.isEmpty || rest.first == UInt8(ascii: ":") || rest.first == UInt8(ascii: "/")
        }
        return false
    }
}
