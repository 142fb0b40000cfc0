package import JOSE

/// An API or MCP server that accepts our tokens, named by its resource identifier (RFC 8707). It becomes `aud`.
package struct Resource: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case api, mcp
        /// An API whose tokens are not Legate's: what opens it is in the vault, and token exchange hands it out.
        case thirdParty = "third-party"
    }

    /// What forward authentication leaves in the audit trail of the calls that it allows. Denied ones are always there.
    package enum CheckAudit: String, Sendable, CaseIterable {
        /// One record for each call, durable before the answer.
        case all
        /// Their number alone, in the metrics.
        case count
    }

    package let uri: ResourceURI
    package let name: String
    package var kind: Kind
    package var enabled: Bool
    package var scopes: ScopeSet
    package var signingAlgorithm: SignatureAlgorithm
    /// Seconds; nil means the default.
    package var tokenTTL: Int?
    /// Whether tokens carry the `agent` claim.
    package var includeAgentClaim: Bool
    package var checkAudit: CheckAudit
    /// Whether the status of its tokens stands in a status list.
    package var statusList: Bool
    /// Whether only tokens that are bound to a key are issued for it and taken there (RFC 9728
    /// `dpop_bound_access_tokens_required`).
    package var requireDPoP = false
    /// Whether only tokens that are bound to a client certificate are issued for it and taken there (RFC 9728
    /// `tls_client_certificate_bound_access_tokens`).
    package var requireCertificate = false
    /// Whether DPoP proofs for it have to carry a nonce (RFC 9449 section 9).
    package var dpopNonce = false
    /// The types of authorization details that it understands (RFC 9396).
    package var authorizationDetailsTypes: [AuthorizationDetailType] = []
    /// Whether each of its tokens has to carry some.
    package var requireAuthorizationDetails = false
    package let createdAt: Timestamp
    package var revision: Int

    package init(
        uri: ResourceURI, name: String, kind: Kind = .api, enabled: Bool = true, scopes: ScopeSet,
        signingAlgorithm: SignatureAlgorithm = .es256, tokenTTL: Int? = nil, includeAgentClaim: Bool = false,
        checkAudit: CheckAudit = .all, statusList: Bool = false, createdAt: Timestamp, revision: Int = 1
    ) {
        self.uri = uri
        self.name = name
        self.kind = kind
        self.enabled = enabled
        self.scopes = scopes
        self.signingAlgorithm = signingAlgorithm
        self.tokenTTL = tokenTTL
        self.includeAgentClaim = includeAgentClaim
        self.checkAudit = checkAudit
        self.statusList = statusList
        self.createdAt = createdAt
        self.revision = revision
    }

    /// 1–64 characters of `[A-Za-z0-9._~-]`: it stands in paths.
    package static func isName(_ text: String) -> Bool { text.consists(of: .clientID, count: 1...64) }

    /// The algorithms that a resource may ask for.
    package static let signingAlgorithms: [SignatureAlgorithm] = [.es256, .ed25519, .rs256]
}

extension Resource: Registered {
    package static var kind: RegistryKind { .resource }
    package var identifier: String { name }
    package var change: RegistryObject { .resource(self) }

    package func document(at now: Timestamp) -> JSONObject {
        var document: JSONObject = ["resource": .string(uri.text), "name": .string(name)]
        for member in draft.members { document[member.name] = member.value }
        document["created_at"] = .time(createdAt)
        return document
    }

    package var draft: JSONObject {
        [
            "kind": .string(kind.rawValue),
            "enabled": .bool(enabled),
            "scopes": .texts(scopes.tokens),
            "signing_alg": .string(signingAlgorithm.rawValue),
            "token_ttl": .seconds(tokenTTL),
            "include_agent_claim": .bool(includeAgentClaim),
            "check_audit": .string(checkAudit.rawValue),
            "status_list": .bool(statusList),
            "require_dpop": .bool(requireDPoP),
            "dpop_nonce": .bool(dpopNonce),
            "require_certificate": .bool(requireCertificate),
            "authorization_details_types": AuthorizationDetailType.json(authorizationDetailsTypes),
            "require_authorization_details": .bool(requireAuthorizationDetails),
        ]
    }

    package init(creating draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) {
        var reader = DocumentReader(draft)
        let uri = reader.required(
            "resource",
            reader.parsed("resource", "an absolute https URI without fragment (http only on loopback)") {
                ResourceURI($0)
            }
        )
        let name = reader.required(
            "name", reader.parsed("name", "1 to 64 characters of A-Z a-z 0-9 . _ ~ -") { Self.isName($0) ? $0 : nil }
        )
        if let uri, context.registry.ownResources.all.contains(where: { $0.uri == uri }) {
            reader.refuse("resource", "is one of Legate's own resources")
        }
        if let name, context.registry.ownResources.all.contains(where: { $0.name == name }) {
            reader.refuse("name", "is the name of one of Legate's own resources")
        }
        var resource = Resource(
            uri: uri ?? ResourceURI(unchecked: ""), name: name ?? "", scopes: .empty, createdAt: context.now
        )
        resource.read(&reader)
        try reader.finish()
        self = resource
    }

    package func replaced(by draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) -> Resource {
        var reader = DocumentReader(draft)
        reader.unchangeable("resource", is: .string(uri.text))
        reader.unchangeable("name", is: .string(name))
        var resource = self
        resource.read(&reader)
        try reader.finish()
        return resource
    }

    private mutating func read(_ reader: inout DocumentReader) {
        kind = reader.parsed("kind", "api, mcp or third-party") { Kind(rawValue: $0) } ?? .api
        enabled = reader.bool("enabled", default: true)
        scopes = reader.scopes("scopes")
        let algorithms = Self.signingAlgorithms
        signingAlgorithm =
            reader.parsed("signing_alg", "one of " + algorithms.map(\.rawValue).joined(separator: ", ")) { text in
                algorithms.first { $0.rawValue == text }
            } ?? .es256
        tokenTTL = reader.seconds("token_ttl", in: 1...TokenLifetime.ceiling)
        includeAgentClaim = reader.bool("include_agent_claim", default: false)
        checkAudit = reader.parsed("check_audit", "all or count") { CheckAudit(rawValue: $0) } ?? .all
        statusList = reader.bool("status_list", default: false)
        requireDPoP = reader.bool("require_dpop", default: false)
        if requireDPoP, kind == .thirdParty {
            reader.refuse("require_dpop", "is for resources that take Legate's tokens")
        }
        dpopNonce = reader.bool("dpop_nonce", default: false)
        requireCertificate = reader.bool("require_certificate", default: false)
        if requireCertificate, kind == .thirdParty {
            reader.refuse("require_certificate", "is for resources that take Legate's tokens")
        }
        readAuthorizationDetails(&reader)
    }
}
