package import JOSE

extension TrustedIssuer: Registered {
    package static var kind: RegistryKind { .issuer }
    package var identifier: String { name.text }
    package var change: RegistryObject { .issuer(self) }

    package func document(at now: Timestamp) -> JSONObject {
        var document: JSONObject = [
            "name": .string(name.text), "issuer": .string(url.text), "kind": .string(kind.rawValue),
        ]
        for member in draft.members { document[member.name] = member.value }
        document["created_at"] = .time(createdAt)
        return document
    }

    package var draft: JSONObject {
        var jwks = JSON.null
        var jwksURI = JSON.null
        var jwksFile = JSON.null
        switch keys {
        case .set(_, let text): jwks = (try? JSON(parsing: text)) ?? .null
        case .uri(let uri): jwksURI = .string(uri)
        case .file(let file): jwksFile = .string(file.text)
        }
        return [
            "jwks": jwks,
            "jwks_uri": jwksURI,
            "jwks_file": jwksFile,
            "ca_file": .text(authorityFile?.text),
            "token_file": .text(tokenFile?.text),
            "audiences": .texts(audiences),
            "subject_claim": .string(subjectClaim),
            "groups_claim": .string(groupsClaim),
            "single_use": .bool(singleUse),
            "max_token_life": .seconds(maxTokenLife),
            "enabled": .bool(enabled),
            "allow_private_network": .bool(allowPrivateNetwork),
        ]
    }

    package init(creating draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) {
        var reader = DocumentReader(draft)
        let name = reader.required(
            "name", reader.parsed("name", "1 to 32 characters of a-z 0-9 . _ -") { IssuerName($0) }
        )
        let kinds = Kind.allCases.map(\.rawValue).joined(separator: ", ")
        let kind = reader.parsed("kind", "one of \(kinds)") { Kind(rawValue: $0) } ?? .oidc
        let url = reader.required("issuer", Self.url(&reader, kind))
        if let url, url == context.registry.issuer {
            reader.refuse("issuer", "is Legate itself; its own tokens need no trust")
        }
        var issuer: TrustedIssuer?
        if let name, let url {
            issuer = TrustedIssuer(name: name, url: url, kind: kind, keys: .uri(""), createdAt: context.now)
        }
        if issuer == nil { Self.skim(&reader) }
        issuer?.read(&reader)
        try reader.finish()
        guard let issuer else { throw InvalidDocument("issuer", "is required") }
        self = issuer
    }

    private static func url(_ reader: inout DocumentReader, _ kind: Kind) -> IssuerURL? {
        guard kind == .spiffe else {
            return reader.parsed(
                "issuer", "an https URL without query and fragment (http only on loopback)"
            ) { IssuerURL($0) }
        }
        return reader.parsed("issuer", "a trust domain such as spiffe://example.org, in lower case") { text in
            TrustDomain(uri: text).map { IssuerURL($0) }
        }
    }

    package func replaced(by draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) -> TrustedIssuer {
        var reader = DocumentReader(draft)
        reader.unchangeable("name", is: .string(name.text))
        reader.unchangeable("issuer", is: .string(url.text))
        reader.unchangeable("kind", is: .string(kind.rawValue))
        var issuer = self
        issuer.read(&reader)
        try reader.finish()
        return issuer
    }

    /// Marks the other members as known when the first two were already wrong, so that only real mistakes are named.
    private static func skim(_ reader: inout DocumentReader) {
        for field in [
            "jwks", "jwks_uri", "jwks_file", "ca_file", "token_file", "audiences", "subject_claim", "groups_claim",
            "single_use", "max_token_life", "enabled", "allow_private_network",
        ] { _ = reader.value(field) }
    }

    private mutating func read(_ reader: inout DocumentReader) {
        readKeys(&reader)
        readAccess(&reader)
        audiences = reader.list("audiences", "a text of 1 to 512 bytes", limit: 16) { text in
            (1...512).contains(text.utf8.count) && text.isPrintable ? text : nil
        }
        subjectClaim = reader.text("subject_claim", limit: 64) ?? "sub"
        groupsClaim = reader.text("groups_claim", limit: 64) ?? "groups"
        if kind != .oidc, subjectClaim != "sub" {
            reader.refuse("subject_claim", "is sub for a \(kind.rawValue) issuer")
        }
        singleUse = reader.bool("single_use", default: kind.singleUse)
        maxTokenLife = reader.seconds("max_token_life", in: 60...604_800) ?? kind.maxTokenLife
        enabled = reader.bool("enabled", default: true)
        allowPrivateNetwork = reader.bool("allow_private_network", default: false)
    }

    /// Keys are registered, at an address, or in a file of the server's own: one of the three.
    private mutating func readKeys(_ reader: inout DocumentReader) {
        let document = reader.value("jwks")
        let uri = reader.parsed("jwks_uri", "an https URL (http only on loopback)") { text in
            URIReference(text).flatMap { $0.isAcceptableForTokens ? text : nil }
        }
        let file = Self.file("jwks_file", &reader)
        let given = (document == nil ? 0 : 1) + (uri == nil ? 0 : 1) + (file == nil ? 0 : 1)
        guard given == 1 else {
            if given > 1 {
                reader.refuse(
                    document == nil || uri == nil ? "jwks_file" : "jwks_uri",
                    "cannot be given together with \(document == nil ? "jwks_uri" : "jwks")"
                )
            } else if !reader.errors.contains(where: { $0.field == "jwks_uri" || $0.field == "jwks_file" }) {
                reader.refuse("jwks", "jwks, jwks_uri or jwks_file is required")
            }
            return
        }
        if let uri { keys = .uri(uri) }
        if let file { keys = .file(file) }
        guard let document else { return }
        do {
            let before = keys
            guard kind == .spiffe else {
                keys = .set(try JWKSet(json: document), text: document.text)
                return
            }
            let bundle = try SPIFFEBundle(json: document)
            keys = .set(bundle.jwtKeys, text: document.text)
            // One that is fetched may withdraw all keys for a while. What is registered so already is left alone: such
            // a trust domain can still be disabled.
            if keys != before, !bundle.canVerify {
                reader.refuse(
                    "jwks",
                    "has nothing that verifies an SVID: a SPIFFE bundle has keys with use jwt-svid (P-256 or RSA) or "
                        + "certificates with use x509-svid")
            }
        } catch {
            let what = kind == .spiffe ? "SPIFFE bundle" : "public key set"
            reader.refuse("jwks", "is not a usable \(what): \(error)")
        }
    }

    private mutating func readAccess(_ reader: inout DocumentReader) {
        authorityFile = Self.file("ca_file", &reader)
        tokenFile = Self.file("token_file", &reader)
        guard case .uri(let uri) = keys, uri.hasPrefix("https://") else {
            for (field, file) in [("ca_file", authorityFile), ("token_file", tokenFile)] where file != nil {
                reader.refuse(field, "is for keys at an https jwks_uri")
            }
            return
        }
        if tokenFile != nil, authorityFile == nil {
            reader.refuse("token_file", "needs ca_file: only a host that this authority vouches for is shown the token")
        }
    }

    private static func file(_ field: String, _ reader: inout DocumentReader) -> TrustFile? {
        reader.parsed(field, "the name of a file in the server's directory of trusted keys, without any slash") {
            TrustFile($0)
        }
    }
}
