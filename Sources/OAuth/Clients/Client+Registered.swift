package import JOSE

extension Client: Registered {
    package static var kind: RegistryKind { .client }
    package var identifier: String { id.text }
    package var change: RegistryObject { .client(self) }

    package func document(at now: Timestamp) -> JSONObject {
        var document: JSONObject = ["client_id": .string(id.text), "kind": .string(kind.rawValue)]
        for member in draft.members { document[member.name] = member.value }
        document["client_secret_expires_at"] = secretExpiresAt.map { .integer($0) } ?? .null
        document["created_at"] = .time(createdAt)
        return document
    }

    package var draft: JSONObject {
        [
            "name": .string(name),
            "enabled": .bool(enabled),
            "auth": .string(authentication.rawValue),
            "jwks": keysDocument,
            "jwks_uri": .text(keysURI),
            "scopes": .texts(scopes.tokens),
            "resources": .texts(resources.map(\.text)),
            "grants": .texts(grants.map(\.shortName).sorted()),
            "authorization_details": authorizationDetails.json,
            "acts_as": .text(actsAs?.text),
            "exchange_scopes": .array(
                exchangeScopes.map {
                    .object(["from": .string($0.from), "to": .string($0.to), "resource": .string($0.resource.text)])
                }
            ),
            "workloads": .array(
                workloads.map { .object(["issuer": .string($0.issuer.text), "subject": .string($0.subject)]) }
            ),
            "spiffe_id": .text(spiffeID?.text),
            "dpop_bound": .bool(dpopBound),
            "tls_client_auth_subject_dn": certificateName(of: .subjectDN),
            "tls_client_auth_san_dns": certificateName(of: .dnsName),
            "tls_client_auth_san_uri": certificateName(of: .uri),
            "tls_client_auth_san_ip": certificateName(of: .ipAddress),
            "tls_client_auth_san_email": certificateName(of: .email),
            "certificate_bound": .bool(certificateBound),
            "forwards_certificates": .bool(forwardsCertificates),
            "tier": .text(tier),
            "token_ttl": .seconds(tokenTTL),
            "max_task_life": .seconds(maxTaskLife),
            "max_task_tokens": maxTaskTokens.map { .integer(Int64($0)) } ?? .null,
            "secret_lifetime": .seconds(secretLifetime),
            "owner": .text(owner),
            "purpose": .text(purpose),
            "type": .text(type),
            "version": .text(version),
        ]
    }

    package init(creating draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) {
        var reader = DocumentReader(draft)
        let chosen = reader.parsed("client_id", "1 to 64 characters of A-Z a-z 0-9 . _ ~ -") { ClientID($0) }
        let kind = reader.parsed("kind", "one of agent, gateway, resource, admin") { Kind(rawValue: $0) } ?? .agent
        var client = Client(
            id: chosen ?? .make(), name: "", kind: kind, scopes: .empty, resources: [], createdAt: context.now
        )
        client.read(&reader, in: context)
        try reader.finish()
        self = client
    }

    package func replaced(by draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) -> Client {
        // Disabling must always be possible, also when something that the client names is gone by now.
        var disabled = self
        disabled.enabled = false
        if draft == disabled.draft { return disabled }
        var reader = DocumentReader(draft)
        reader.unchangeable("client_id", is: .string(id.text))
        reader.unchangeable("kind", is: .string(kind.rawValue))
        var client = self
        client.read(&reader, in: context)
        try reader.finish()
        return client
    }

    private var keysDocument: JSON {
        guard case .set(_, let text) = keys else { return .null }
        return (try? JSON(parsing: text)) ?? .null
    }

    private var keysURI: String? {
        guard case .uri(let uri) = keys else { return nil }
        return uri
    }

    private mutating func read(_ reader: inout DocumentReader, in context: RegistryContext) {
        name = reader.required("name", reader.text("name")) ?? ""
        enabled = reader.bool("enabled", default: true)
        let methods = AuthenticationMethod.registrable
        authentication =
            reader.parsed("auth", "one of " + methods.map(\.rawValue).joined(separator: ", ")) { text in
                methods.first { $0.rawValue == text }
            } ?? .clientSecretBasic
        // A secret that was given up must not come back with the method.
        if authentication != .clientSecretBasic { secrets = [] }
        scopes = reader.scopes("scopes")
        resources = reader.resources("resources")
        let namesGrants = reader.value("grants") != nil
        grants = Set(reader.list("grants", "client_credentials or token_exchange") { GrantType(name: $0) })
        // Absent means the usual one; an empty list means none.
        if !namesGrants { grants = [.clientCredentials] }
        actsAs = reader.parsed("acts_as", "a registered resource") { ResourceURI($0) }
        dpopBound = reader.bool("dpop_bound", default: false)
        readCertificates(&reader)
        tier = reader.text("tier", limit: 64)
        tokenTTL = reader.seconds("token_ttl", in: 1...TokenLifetime.ceiling)
        maxTaskLife = reader.seconds("max_task_life", in: TaskLimits.lives)
        maxTaskTokens = reader.count("max_task_tokens", in: TaskLimits.counts)
        let oldLifetime = secretLifetime
        secretLifetime = reader.seconds("secret_lifetime", in: Self.secretLifetimes)
        if secretLifetime != nil, authentication != .clientSecretBasic {
            reader.refuse("secret_lifetime", "is for clients that authenticate with a secret")
        }
        endSecret(afterLifetimeFrom: oldLifetime, at: context.now)
        owner = reader.text("owner")
        purpose = reader.text("purpose", limit: 1024)
        type = reader.text("type", limit: 64)
        version = reader.text("version", limit: 64)
        readKeys(&reader)
        readMappings(&reader)
        readSPIFFEID(&reader, in: context)
        if kind == .admin, resources.isEmpty { resources = [context.registry.ownResources.admin.uri] }
        authorizationDetails = reader.authorizationDetails("authorization_details", for: resources, in: context)
        checkReferences(&reader, in: context)
    }

    private mutating func readKeys(_ reader: inout DocumentReader) {
        let document = reader.value("jwks")
        let uri = reader.parsed("jwks_uri", "an https URL (http only on loopback)") { text in
            URIReference(text).flatMap { $0.isAcceptableForTokens ? text : nil }
        }
        keys = nil
        if let document {
            do {
                keys = .set(try JWKSet(json: document), text: document.text)
                reader.checkCertificates(in: document)
            } catch {
                reader.refuse("jwks", "is not a usable public key set: \(error)")
            }
        }
        if let uri {
            if document != nil { reader.refuse("jwks_uri", "cannot be given together with jwks") }
            keys = .uri(uri)
        }
        if authentication == .privateKeyJWT, case .set(let set, text: _)? = keys,
            !set.keys.contains(where: { PrivateKeyJWTMethod.algorithms.contains(where: $0.fits) })
        {
            let algorithms = PrivateKeyJWTMethod.algorithms.map(\.rawValue).joined(separator: ", ")
            reader.refuse(
                "jwks",
                "has no key for client assertions: they are signed with one of \(algorithms), and a key whose alg is "
                    + "another verifies none of them")
        }
        if authentication.needsKeys, keys == nil, document == nil {
            reader.refuse("jwks", "\(authentication.rawValue) needs jwks or jwks_uri")
        }
        if !authentication.needsKeys, keys != nil {
            reader.refuse("auth", "must be private_key_jwt or self_signed_tls_client_auth when keys are registered")
        }
    }

    private mutating func readMappings(_ reader: inout DocumentReader) {
        exchangeScopes = reader.objects("exchange_scopes") { item in
            let from = item.required("from", item.parsed("from", "a scope token") { ScopeSet([$0])?.tokens.first })
            let to = item.required("to", item.parsed("to", "a scope token") { ScopeSet([$0])?.tokens.first })
            let resource = item.required(
                "resource", item.parsed("resource", "a registered resource") { ResourceURI($0) })
            guard let from, let to, let resource else { return nil }
            return ScopeMapping(from: from, to: to, resource: resource)
        }
        workloads = reader.objects("workloads") { item in
            let issuer = item.required("issuer", item.parsed("issuer", "an issuer's short name") { IssuerName($0) })
            let subject = item.required("subject", item.text("subject"))
            guard let issuer, let subject else { return nil }
            return Workload(issuer: issuer, subject: subject)
        }
    }

    /// What the client names must exist, and no scope may be one that none of its resources has.
    private func checkReferences(_ reader: inout DocumentReader, in context: RegistryContext) {
        let registry = context.registry
        var offered = ScopeSet.empty
        for uri in resources {
            guard let resource = registry.resource(uri) else {
                reader.refuse("resources", "no such resource: \(uri); register it first")
                continue
            }
            offered = offered.union(resource.scopes)
        }
        let unknown = scopes.subtracting(offered)
        if !unknown.isEmpty {
            reader.refuse("scopes", "none of the client's resources has: \(unknown)")
        }
        if let actsAs, registry.resource(actsAs) == nil {
            reader.refuse("acts_as", "no such resource: \(actsAs); register it first")
        }
        if kind == .resource, actsAs == nil {
            reader.refuse("acts_as", "is required for a client of kind resource")
        }
        for mapping in exchangeScopes {
            guard let actsAs, let own = registry.resource(actsAs) else {
                reader.refuse(
                    "exchange_scopes", "needs acts_as: the mapping starts from a scope of the client's own resource")
                break
            }
            if !own.scopes.contains(mapping.from) {
                reader.refuse("exchange_scopes", "\(own.uri) has no scope \(mapping.from)")
            }
            if registry.resource(mapping.resource)?.scopes.contains(mapping.to) != true {
                reader.refuse("exchange_scopes", "\(mapping.resource) is not registered or has no scope \(mapping.to)")
            }
        }
        for workload in workloads {
            if registry.issuer(workload.issuer) == nil {
                reader.refuse("workloads", "no such issuer: \(workload.issuer); trust it first")
            }
            if let other = registry.client(for: workload), other.id != id {
                reader.refuse("workloads", "\(workload.issuer)=\(workload.subject) already stands for \(other.id)")
            }
        }
        checkWorkloads(&reader, in: context)
        if authentication == .workload, workloads.isEmpty {
            reader.refuse("workloads", "auth workload needs at least one")
        }
    }
}
