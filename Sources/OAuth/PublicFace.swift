package import JOSE

/// What a server shows of itself while it is sealed: the documents that anyone may read, made without any key.
package struct PublicFace: Sendable {
    package let issuer: IssuerURL
    package let metadata: ServerMetadata
    package let ownResources: OwnResources
    /// Every resource by name, our own too.
    package let resources: [Resource]
    package let keys: PublicHalves
    /// `/.well-known/ssf-configuration` (OpenID SSF 1.0 section 7).
    package let eventTransmitter: JSONObject
    package let now: Now

    /// The face of a server.
    ///
    /// - Parameter keys: instead of its own, when it was put together without them.
    package init(of server: AuthorizationServer, keys: PublicHalves? = nil) {
        issuer = server.issuer
        metadata = server.metadata
        ownResources = server.registry.ownResources
        resources = server.registry.registeredResources
        eventTransmitter = server.streamDesk.configuration
        now = server.now
        self.keys = keys ?? PublicHalves(of: server.keys.all(at: server.now()).map(\.key))
    }
}
