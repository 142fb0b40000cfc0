package import JOSE

/// An OAuth client. An agent is a client of kind `agent`; gateways, resource servers and operators' tools are others.
package struct Client: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case agent, gateway, resource, admin
    }

    package let id: ClientID
    package var name: String
    package let kind: Kind
    package var enabled: Bool
    package var authentication: AuthenticationMethod
    /// Digests of the secrets, the current one first: one, or two during the grace of a rotation, and a third while a
    /// rotation is being announced.
    package var secrets: [SecretDigest]
    package var keys: ClientKeys?
    package var scopes: ScopeSet
    package var resources: [ResourceURI]
    package var grants: Set<GrantType>
    /// The resource that this client *is*: it may exchange tokens addressed to it, and see them at introspection.
    package var actsAs: ResourceURI?
    /// What it may have beside its scopes, by the resources that each detail names (RFC 9396).
    package var authorizationDetails = AuthorizationDetails.none
    package var exchangeScopes: [ScopeMapping]
    package var workloads: [Workload]
    /// Whether each of its tokens is bound to a key, by a DPoP proof (RFC 9449 section 5.2
    /// `dpop_bound_access_tokens`).
    package var dpopBound = false
    /// The name in its certificate, with `tls_client_auth`.
    package var certificateName: CertificateName?
    /// Whether each of its tokens is bound to its certificate (RFC 8705 section 3.4
    /// `tls_client_certificate_bound_access_tokens`).
    package var certificateBound = false
    /// Whether this gateway hands on the certificates of the agents that call it, and takes off what they write under
    /// the name of that header themselves.
    package var forwardsCertificates = false
    /// The workloads of a SPIFFE trust domain that are this client.
    package var spiffeID: SPIFFEPattern?
    package var tier: String?
    /// Seconds; the smaller of this and the resource's wins.
    package var tokenTTL: Int?
    /// Seconds that a task of the client may live.
    package var maxTaskLife: Int?
    /// Tokens that the client may take in one task.
    package var maxTaskTokens: Int?
    /// Seconds that each of its secrets lives. Without it they have no end.
    package var secretLifetime: Int?
    package var owner: String?
    package var purpose: String?
    package var type: String?
    package var version: String?
    package let createdAt: Timestamp
    package var revision: Int

    package init(
        id: ClientID, name: String, kind: Kind, enabled: Bool = true,
        authentication: AuthenticationMethod = .clientSecretBasic, secrets: [SecretDigest] = [],
        keys: ClientKeys? = nil, scopes: ScopeSet, resources: [ResourceURI],
        grants: Set<GrantType> = [.clientCredentials], actsAs: ResourceURI? = nil,
        exchangeScopes: [ScopeMapping] = [], workloads: [Workload] = [], tier: String? = nil, tokenTTL: Int? = nil,
        maxTaskLife: Int? = nil, maxTaskTokens: Int? = nil, secretLifetime: Int? = nil,
        owner: String? = nil, purpose: String? = nil, type: String? = nil, version: String? = nil,
        createdAt: Timestamp, revision: Int = 1
    ) {
        self.id = id
        self.name = name
        self.kind = kind
        self.enabled = enabled
        self.authentication = authentication
        self.secrets = secrets
        self.keys = keys
        self.scopes = scopes
        self.resources = resources
        self.grants = grants
        self.actsAs = actsAs
        self.exchangeScopes = exchangeScopes
        self.workloads = workloads
        self.tier = tier
        self.tokenTTL = tokenTTL
        self.maxTaskLife = maxTaskLife
        self.maxTaskTokens = maxTaskTokens
        self.secretLifetime = secretLifetime
        self.owner = owner
        self.purpose = purpose
        self.type = type
        self.version = version
        self.createdAt = createdAt
        self.revision = revision
    }
}

/// The name of a client authentication method (RFC 7591 section 2). An open set.
package struct AuthenticationMethod: RawRepresentable, Hashable, Sendable {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }

    /// A secret in the `Authorization` header; the same client may send it in the body.
    package static let clientSecretBasic = AuthenticationMethod(rawValue: "client_secret_basic")
    /// A secret in the form. Not registered on its own: a client with a secret may use either way.
    package static let clientSecretPost = AuthenticationMethod(rawValue: "client_secret_post")
    /// A signed assertion (RFC 7523, with the audience rule of RFC 7523bis).
    package static let privateKeyJWT = AuthenticationMethod(rawValue: "private_key_jwt")
    /// A token of a trusted issuer proves the client: as a client assertion, or at token exchange as the actor token.
    package static let workload = AuthenticationMethod(rawValue: "workload")
    /// A JWT-SVID (draft-ietf-oauth-spiffe-client-auth).
    package static let spiffeJWT = AuthenticationMethod(rawValue: "spiffe_jwt")
    /// An X.509-SVID as the certificate of the connection (the same draft).
    package static let spiffeX509 = AuthenticationMethod(rawValue: "spiffe_x509")

    /// The methods that a client can be registered with.
    package static let registrable: [AuthenticationMethod] = [
        .clientSecretBasic, .privateKeyJWT, .workload, .tlsClientAuth, .selfSignedTLSClientAuth, .spiffeJWT,
        .spiffeX509,
    ]
}

/// The stored form of a client secret: HMAC-SHA-256 under a vault key.
package struct SecretDigest: Sendable, Equatable {
    package let digest: [UInt8]
    /// When it ends: with its grace once it was replaced, or with the client's lifetime for secrets.
    package let expiresAt: Timestamp?

    package init(digest: [UInt8], expiresAt: Timestamp? = nil) {
        self.digest = digest
        self.expiresAt = expiresAt
    }
}

/// Where a client's public keys come from; never both.
package enum ClientKeys: Sendable, Equatable {
    /// The registered key set, as its JSON text and parsed.
    case set(JWKSet, text: String)
    case uri(String)
    /// In the server's directory of trusted keys; only a trusted issuer's can be there.
    case file(TrustFile)

    package static func == (left: ClientKeys, right: ClientKeys) -> Bool {
        switch (left, right) {
        case (.set(_, let left), .set(_, let right)): left == right
        case (.uri(let left), .uri(let right)): left == right
        case (.file(let left), .file(let right)): left == right
        default: false
        }
    }
}

/// An operator's permission to turn a scope at the client's own resource into one downstream.
package struct ScopeMapping: Sendable, Hashable {
    package let from: String
    package let to: String
    package let resource: ResourceURI

    package init(from: String, to: String, resource: ResourceURI) {
        self.from = from
        self.to = to
        self.resource = resource
    }
}

/// A subject at a trusted issuer that stands for this client.
package struct Workload: Sendable, Hashable {
    package let issuer: IssuerName
    package let subject: String

    package init(issuer: IssuerName, subject: String) {
        self.issuer = issuer
        self.subject = subject
    }

    /// Byte by byte, as for users: what only looks the same is somebody else.
    package static func == (left: Workload, right: Workload) -> Bool {
        left.issuer == right.issuer && left.subject.utf8.elementsEqual(right.subject.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(issuer)
        for byte in subject.utf8 { hasher.combine(byte) }
    }
}
