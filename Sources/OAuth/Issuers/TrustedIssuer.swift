package import JOSE

/// An identity provider whose tokens we accept as subject or actor tokens.
package struct TrustedIssuer: Sendable, Equatable {
    package let name: IssuerName
    package let url: IssuerURL
    package var keys: ClientKeys
    /// The audiences agreed for tokens shown to us; empty means only our own issuer URL.
    package var audiences: [String]
    package var subjectClaim: String
    package var groupsClaim: String
    package var enabled: Bool
    /// The operator allows its `jwks_uri` to resolve to a private address.
    package var allowPrivateNetwork: Bool
    package let createdAt: Timestamp
    package var revision: Int

    package init(
        name: IssuerName, url: IssuerURL, keys: ClientKeys, audiences: [String] = [], subjectClaim: String = "sub",
        groupsClaim: String = "groups", enabled: Bool = true, allowPrivateNetwork: Bool = false,
        createdAt: Timestamp, revision: Int = 1
    ) {
        self.name = name
        self.url = url
        self.keys = keys
        self.audiences = audiences
        self.subjectClaim = subjectClaim
        self.groupsClaim = groupsClaim
        self.enabled = enabled
        self.allowPrivateNetwork = allowPrivateNetwork
        self.createdAt = createdAt
        self.revision = revision
    }
}

extension TrustedIssuer: Registered {
    package static var kind: RegistryKind { .issuer }
    package var identifier: String { name.text }
    package var change: RegistryObject { .issuer(self) }

    package func document(at now: Timestamp) -> JSONObject {
        var document: JSONObject = ["name": .string(name.text), "issuer": .string(url.text)]
        for member in draft.members { document[member.name] = member.value }
        document["created_at"] = .time(createdAt)
        return document
    }

    package var draft: JSONObject {
        var jwks = JSON.null
        var jwksURI = JSON.null
        switch keys {
        case .set(_, let text): jwks = (try? JSON(parsing: text)) ?? .null
        case .uri(let uri): jwksURI = .string(uri)
        }
        return [
            "jwks": jwks,
            "jwks_uri": jwksURI,
            "audiences": .texts(audiences),
            "subject_claim": .string(subjectClaim),
            "groups_claim": .string(groupsClaim),
            "enabled": .bool(enabled),
            "allow_private_network": .bool(allowPrivateNetwork),
        ]
    }

    package init(creating draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) {
        var reader = DocumentReader(draft)
        let name = reader.required(
            "name", reader.parsed("name", "1 to 32 characters of a-z 0-9 . _ -") { IssuerName($0) }
        )
        let url = reader.required(
            "issuer",
            reader.parsed("issuer", "an https URL without query and fragment (http only on loopback)") { IssuerURL($0) }
        )
        if let url, url == context.registry.issuer {
            reader.refuse("issuer", "is Legate itself; its own tokens need no trust")
        }
        var issuer: TrustedIssuer?
        if let name, let url {
            issuer = TrustedIssuer(name: name, url: url, keys: .uri(""), createdAt: context.now)
        }
        if issuer == nil { Self.skim(&reader) }
        issuer?.read(&reader)
        try reader.finish()
        guard let issuer else { throw InvalidDocument("issuer", "is required") }
        self = issuer
    }

    package func replaced(by draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) -> TrustedIssuer {
        var reader = DocumentReader(draft)
        reader.unchangeable("name", is: .string(name.text))
        reader.unchangeable("issuer", is: .string(url.text))
        var issuer = self
        issuer.read(&reader)
        try reader.finish()
        return issuer
    }

    /// Marks the other members as known when the first two were already wrong, so that only real mistakes are named.
    private static func skim(_ reader: inout DocumentReader) {
        for field in [
            "jwks", "jwks_uri", "audiences", "subject_claim", "groups_claim", "enabled", "allow_private_network",
        ] { _ = reader.value(field) }
    }

    private mutating func read(_ reader: inout DocumentReader) {
        let document = reader.value("jwks")
        let uri = reader.parsed("jwks_uri", "an https URL (http only on loopback)") { text in
            URIReference(text).flatMap { $0.isAcceptableForTokens ? text : nil }
        }
        switch (document, uri) {
        case (let document?, nil):
            do {
                keys = .set(try JWKSet(json: document), text: document.text)
            } catch {
                reader.refuse("jwks", "is not a usable public key set: \(error)")
            }
        case (nil, let uri?): keys = .uri(uri)
        case (.some, .some): reader.refuse("jwks_uri", "cannot be given together with jwks")
        case (nil, nil):
            if !reader.errors.contains(where: { $0.field == "jwks_uri" }) {
                reader.refuse("jwks", "jwks or jwks_uri is required")
            }
        }
        audiences = reader.list("audiences", "a text of 1 to 512 bytes", limit: 16) { text in
            (1...512).contains(text.utf8.count) && text.isPrintable ? text : nil
        }
        subjectClaim = reader.text("subject_claim", limit: 64) ?? "sub"
        groupsClaim = reader.text("groups_claim", limit: 64) ?? "groups"
        enabled = reader.bool("enabled", default: true)
        allowPrivateNetwork = reader.bool("allow_private_network", default: false)
    }
}
