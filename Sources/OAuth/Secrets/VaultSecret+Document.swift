package import JOSE

extension VaultSecret {
    /// What the API shows to those who manage secrets. No value.
    package var document: JSONObject {
        var document: JSONObject = [
            "name": .string(name.text), "kind": .string(kind.rawValue), "client_id": .text(client?.text),
        ]
        for member in draft.members { document[member.name] = member.value }
        document["rules"] = .array(rules.map { .object($0.document) })
        document["current_version"] = current.map { .integer(Int64($0)) } ?? .null
        document["latest_version"] = .integer(Int64(latest))
        document["created_at"] = .time(createdAt)
        return document
    }

    /// The members that a PATCH may merge into.
    package var draft: JSONObject {
        [
            "description": .text(description),
            "resource": .text(resource?.text),
            "lease_ttl": .seconds(leaseTTL),
            "rotation": rotation.map { .object($0.document) } ?? .null,
            "injection": injection.map { .object($0.document) } ?? .null,
        ]
    }

    /// Reads a new definition. Its rules come with it, so that a secret is never there for longer than its rules.
    package init(creating draft: JSONObject, named name: SecretName, in context: RegistryContext)
        throws(InvalidDocument)
    {
        var reader = DocumentReader(draft)
        let kinds = SecretKind.allCases.map(\.rawValue).joined(separator: ", ")
        reader.unchangeable("name", is: .string(name.text))
        let kind = reader.parsed("kind", "one of \(kinds)") { SecretKind(rawValue: $0) } ?? .static
        let client = reader.parsed("client_id", "a client id") { ClientID($0) }
        if kind == .client {
            if let client = reader.required("client_id", client) {
                switch context.registry.client(client)?.authentication {
                case .clientSecretBasic: break
                case nil: reader.refuse("client_id", "is not registered")
                default: reader.refuse("client_id", "must be of a client that authenticates with a secret")
                }
            }
        } else if client != nil {
            reader.refuse("client_id", "is for a secret of kind client")
        }
        var secret = VaultSecret(name: name, kind: kind, client: client, createdAt: context.now)
        secret.read(&reader, in: context)
        secret.rules = reader.objects("rules", limit: Self.mostRules) {
            SecretRule.read(&$0, in: context)
        }
        if kind == .client, reader.errors.isEmpty, !secret.rules.contains(where: { $0.resource == context.vault }) {
            reader.refuse(
                "rules",
                "must let somebody read it from the vault: the client's secret is replaced at once by a new one"
            )
        }
        if kind == .generated || kind == .client, secret.rotation == nil { secret.rotation = SecretRotation() }
        try reader.finish()
        self = secret
    }

    /// Reads the changed one from a merged draft. Rules have a door of their own.
    package func replaced(by draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) -> VaultSecret {
        var reader = DocumentReader(draft)
        reader.unchangeable("name", is: .string(name.text))
        reader.unchangeable("kind", is: .string(kind.rawValue))
        reader.unchangeable("client_id", is: .text(client?.text))
        var secret = self
        secret.read(&reader, in: context)
        try reader.finish()
        return secret
    }

    private mutating func read(_ reader: inout DocumentReader, in context: RegistryContext) {
        description = reader.text("description")
        resource = reader.parsed("resource", "the URI of a registered resource") { ResourceURI($0) }
        if let resource {
            if context.registry.resource(resource) == nil {
                reader.refuse("resource", "is not registered")
            } else if context.registry.ownResources.contains(resource) {
                reader.refuse("resource", "must be a third party's API, not one of Legate's own")
            }
        }
        leaseTTL = reader.seconds("lease_ttl", in: Self.leaseTTLs) ?? Self.defaultLeaseTTL
        rotation = reader.object("rotation") { SecretRotation.read(&$0) }
        if rotation != nil, kind == .static || kind == .oauth {
            reader.refuse("rotation", "is for secrets of kind generated or client: others get their values elsewhere")
        }
        injection = reader.object("injection") { SecretInjection.read(&$0) }
    }
}

extension SecretRule {
    package var document: JSONObject {
        [
            "rule_id": .string(id.text), "client_id": .text(client?.text), "subject": .text(subject),
            "scope": .text(scope), "resource": .string(resource.text),
        ]
    }

    /// Reads one rule. Without a resource it is for the vault's own door.
    static func read(_ reader: inout DocumentReader, in context: RegistryContext) -> SecretRule? {
        let client = reader.parsed("client_id", "a client id") { ClientID($0) }
        if let client, context.registry.client(client) == nil { reader.refuse("client_id", "is not registered") }
        let user = reader.parsed("subject", "a user as NAME|SUB") { UserSubject(claim: $0) }
        if let user, context.registry.issuer(user.issuer) == nil {
            reader.refuse("subject", "is a user of \(user.issuer), which is not a trusted issuer")
        }
        let subject = user?.claim
        if client == nil, subject == nil, reader.errors.isEmpty {
            reader.refuse("client_id", "is required, or subject, or both: a rule lets in whom it names")
        }
        let scope = reader.parsed("scope", "one scope token") { text in
            ScopeSet(text).flatMap { $0.tokens.count == 1 ? text : nil }
        }
        let vault = context.vault
        let resource = reader.parsed("resource", "the URI of a registered resource") { ResourceURI($0) } ?? vault
        if resource != vault {
            if context.registry.resource(resource) == nil {
                reader.refuse("resource", "is not registered")
            } else if context.registry.ownResources.contains(resource) {
                reader.refuse("resource", "of Legate's own, only \(vault) can be a door to a secret")
            }
        }
        return SecretRule(id: .make(), client: client, subject: subject, scope: scope, resource: resource)
    }

    /// Reads one rule from a document of its own.
    package init(creating draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) {
        var reader = DocumentReader(draft)
        let rule = Self.read(&reader, in: context)
        try reader.finish()
        guard let rule else { throw InvalidDocument("client_id", "is required") }
        self = rule
    }
}

extension RegistryContext {
    /// The vault's own door.
    fileprivate var vault: ResourceURI { registry.ownResources.vault.uri }
}

extension SecretRotation {
    package static let intervals = 60...31_536_000
    package static let graces = 0...2_592_000
    package static let lengths = 16...1024

    package var document: JSONObject {
        [
            "every": .seconds(every), "grace": .seconds(grace), "length": .seconds(length), "webhook": .text(webhook),
            "allow_private_network": .bool(allowPrivateNetwork), "on_revoked_lease": .bool(onRevokedLease),
        ]
    }

    static func read(_ reader: inout DocumentReader) -> SecretRotation {
        let every = reader.seconds("every", in: intervals) ?? defaultEvery
        let grace = reader.seconds("grace", in: graces)
        if let grace, grace >= every { reader.refuse("grace", "must be shorter than every") }
        let length = reader.bytes("length", in: lengths) ?? defaultLength
        let webhook = reader.parsed("webhook", "an https URL (http only on loopback)") { text in
            URIReference(text).flatMap { $0.isAcceptableForTokens && text.utf8.count <= 2048 ? text : nil }
        }
        return SecretRotation(
            every: every, grace: grace ?? min(defaultGrace, every / 2), length: length, webhook: webhook,
            allowPrivateNetwork: reader.bool("allow_private_network", default: false),
            onRevokedLease: reader.bool("on_revoked_lease", default: false)
        )
    }
}

extension SecretInjection {
    package var document: JSONObject { ["header": .string(header), "format": .string(format)] }

    /// Fields that belong to the connection, or by which the upstream knows whose call it is.
    private static let reserved = [
        "connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
    ]
    /// What Legate says to gateways, and gateways take off what goes on.
    private static let ownPrefix = "legate-"

    static func read(_ reader: inout DocumentReader) -> SecretInjection? {
        let header = reader.parsed("header", "the name of a header field: 1 to 64 characters of A-Z a-z 0-9 -") {
            text in
            text.consists(of: .headerName, count: 1...64) ? text : nil
        }
        if let name = header?.lowercased() {
            if reserved.contains(name) {
                reader.refuse("header", "must be another one: \(name) belongs to the connection to the upstream")
            } else if name.hasPrefix(ownPrefix) {
                reader.refuse("header", "must be another one: \(ownPrefix) begins what Legate says to gateways")
            }
        }
        let format = reader.parsed("format", "at most 256 visible ASCII characters with \(placeholder) once") { text in
            let isVisible = text.utf8.count <= 256 && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
            return isVisible && text.split(separator: placeholder, omittingEmptySubsequences: false).count == 2
                ? text : nil
        }
        guard let header = reader.required("header", header) else { return nil }
        return SecretInjection(header: header, format: format ?? placeholder)
    }

    /// The header's value.
    package func value(with secret: String) -> String {
        guard let range = format.firstRange(of: Self.placeholder) else { return "" }
        return format.replacingCharacters(in: range, with: secret)
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}
