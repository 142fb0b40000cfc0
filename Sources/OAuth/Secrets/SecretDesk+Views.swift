package import JOSE

/// What somebody may know of secrets without reading a value.
extension SecretDesk {
    /// Secrets by name: all of them for those who manage secrets, else those whose value the token may read.
    ///
    /// - Parameters:
    ///   - prefix: what the names begin with.
    ///   - limit: how many at most.
    /// - Throws: `OAuthError.insufficientScope` when the token has neither scope.
    package func page(
        prefix: String, after cursor: SecretName?, limit: Int, for caller: Operator
    ) throws -> [(name: SecretName, document: JSONObject)] {
        let manages = try isManager(caller)
        let holder = holder(of: caller.token)
        var found: [(name: SecretName, document: JSONObject)] = []
        var cursor = Self.start(of: prefix, after: cursor)
        // In pieces: reads of values wait while the shelf is looked through.
        while found.count < limit {
            let piece = registry.secrets.page(after: cursor, limit: Self.piece)
            for secret in piece where found.count < limit {
                guard secret.name.text.utf8.starts(with: prefix.utf8) else {
                    if prefix.utf8.lexicographicallyPrecedes(secret.name.text.utf8) { return found }
                    continue
                }
                if manages {
                    found.append((secret.name, secret.document))
                } else if secret.rule(admitting: holder) != nil {
                    found.append((secret.name, secret.summary))
                }
            }
            guard piece.count == Self.piece, let last = piece.last else { break }
            cursor = last.name
        }
        return found
    }

    private static let piece = 500

    /// Names below a folder come after the folder's own name: what is before need not be looked at.
    private static func start(of prefix: String, after cursor: SecretName?) -> SecretName? {
        guard prefix.hasSuffix("/"), let folder = SecretName(String(prefix.dropLast())) else { return cursor }
        return cursor.map { max($0, folder) } ?? folder
    }

    /// One secret: its whole definition for those who manage secrets, a summary for those who may read its value.
    ///
    /// - Returns: the revision only with the whole definition.
    /// - Throws: `SecretRefusal.notFound`, recorded, in the same words for what does not exist and for what is not the
    ///   caller's to know.
    package func view(
        _ name: SecretName, for caller: Operator
    ) async throws -> (document: JSONObject, revision: Int?) {
        if try isManager(caller) {
            guard let secret = registry.secrets.secret(name) else {
                throw try await refuse(
                    name, holder(of: caller.token), rule: "secret_exists", "no such secret", in: caller.context,
                    at: now()
                )
            }
            var document = secret.document
            if let plan = registry.rotations.plan(name) { document["rotation_state"] = .object(plan.document) }
            return (document, secret.revision)
        }
        return (try await readable(name, for: caller).summary, nil)
    }

    /// The secret, when a rule lets the caller read it.
    private func readable(_ name: SecretName, for caller: Operator) async throws -> VaultSecret {
        let holder = holder(of: caller.token)
        guard let secret = registry.secrets.secret(name) else {
            throw try await refuse(
                name, holder, rule: "secret_exists", "no such secret", in: caller.context, at: now()
            )
        }
        guard secret.rule(admitting: holder) != nil else {
            throw try await refuse(
                name, holder, rule: "secret_rule", "no rule of the secret admits this", in: caller.context, at: now()
            )
        }
        return secret
    }

    /// - Throws: `insufficient_scope` when the token may neither manage nor read.
    private func isManager(_ caller: Operator) throws(OAuthError) -> Bool {
        if caller.token.scopes.contains(Self.writeScope) { return true }
        try caller.require(Self.readScope)
        return false
    }
}

extension VaultSecret {
    /// What a reader has to know of it. Who else may read it is not among that.
    var summary: JSONObject {
        [
            "name": .string(name.text), "kind": .string(kind.rawValue), "description": .text(description),
            "lease_ttl": .seconds(leaseTTL), "current_version": current.map { .integer(Int64($0)) } ?? .null,
        ]
    }
}
