/// Somebody else whose tokens we accept: an identity provider, a Kubernetes cluster, a SPIFFE trust domain.
package struct TrustedIssuer: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// An identity provider: it has users, and perhaps workloads.
        case oidc
        /// A SPIFFE trust domain: it has workloads, and its keys are a bundle.
        case spiffe
        /// A Kubernetes cluster: it has service accounts.
        case kubernetes

        /// Whether somebody there can delegate to an agent.
        package var hasUsers: Bool { self == .oidc }
    }

    package let name: IssuerName
    /// As in `iss`; `spiffe://TRUST-DOMAIN` for a trust domain.
    package let url: IssuerURL
    package let kind: Kind
    package var keys: ClientKeys
    /// What vouches for the host of `keys` instead of the public authorities.
    package var authorityFile: TrustFile?
    /// What is shown to that host.
    package var tokenFile: TrustFile?
    /// The audiences agreed for tokens shown to us; empty means only our own issuer URL.
    package var audiences: [String]
    package var subjectClaim: String
    package var groupsClaim: String
    /// Whether a client assertion needs a `jti` and counts once. Platforms that hand out one token many times cannot.
    package var singleUse: Bool
    /// Seconds that `exp` of a workload's token may lie ahead.
    package var maxTokenLife: Int
    package var enabled: Bool
    /// The operator allows its `jwks_uri` to resolve to a private address.
    package var allowPrivateNetwork: Bool
    package let createdAt: Timestamp
    package var revision: Int

    package init(
        name: IssuerName, url: IssuerURL, kind: Kind = .oidc, keys: ClientKeys, authorityFile: TrustFile? = nil,
        tokenFile: TrustFile? = nil, audiences: [String] = [], subjectClaim: String = "sub",
        groupsClaim: String = "groups", singleUse: Bool? = nil, maxTokenLife: Int? = nil, enabled: Bool = true,
        allowPrivateNetwork: Bool = false, createdAt: Timestamp, revision: Int = 1
    ) {
        self.name = name
        self.url = url
        self.kind = kind
        self.keys = keys
        self.authorityFile = authorityFile
        self.tokenFile = tokenFile
        self.audiences = audiences
        self.subjectClaim = subjectClaim
        self.groupsClaim = groupsClaim
        self.singleUse = singleUse ?? kind.singleUse
        self.maxTokenLife = maxTokenLife ?? kind.maxTokenLife
        self.enabled = enabled
        self.allowPrivateNetwork = allowPrivateNetwork
        self.createdAt = createdAt
        self.revision = revision
    }

    /// Where its keys have to be fetched from; nil when they are registered with it.
    package var keySource: KeySource? {
        switch keys {
        case .set: nil
        case .uri(let url):
            KeySource(.url(url), allowPrivate: allowPrivateNetwork, authority: authorityFile, token: tokenFile)
        case .file(let file): KeySource(.file(file))
        }
    }

    /// The audiences that its tokens may name.
    func agreedAudiences(at server: IssuerURL) -> [String] { audiences.isEmpty ? [server.text] : audiences }
}

extension TrustedIssuer.Kind {
    /// What an operator who says nothing gets. Agents of SPIFFE and Kubernetes show one token until it is old.
    var singleUse: Bool { self == .oidc }

    /// Seconds. JWT-SVIDs live for minutes; a service account's token is renewed once it is 24 hours old at the latest.
    var maxTokenLife: Int {
        switch self {
        case .oidc, .kubernetes: 86_400
        case .spiffe: 3600
        }
    }
}
