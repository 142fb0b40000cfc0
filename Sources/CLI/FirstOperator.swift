import Foundation
import JOSE
import OAuth
import Vault

/// The operator that exists before anyone can register one.
enum FirstOperator {
    static func make(issuer: IssuerURL, digests: DigestKey, at time: Timestamp) throws -> (Client, secret: String) {
        let own = OwnResources(issuer: issuer)
        let secret = ClientSecret.generate()
        let id = ClientID.make()
        guard let scopes = ScopeSet(OwnResources.adminScopes + [SecretDesk.writeScope]) else {
            throw ConfigurationError("issuer", "the operator's scopes are not acceptable")
        }
        let client = Client(
            id: id, name: "first operator", kind: .admin,
            secrets: [SecretDigest(digest: digests.digest(of: secret, context: id.text))], scopes: scopes,
            resources: [own.admin.uri, own.vault.uri], purpose: "made by legate init", createdAt: time
        )
        return (client, secret)
    }

    /// The credentials file, readable by its owner alone from the first byte on.
    static func write(server: IssuerURL, client: ClientID, secret: String, to path: String) throws {
        let document: JSONObject = [
            "server": .string(server.text), "client_id": .string(client.text), "client_secret": .string(secret),
        ]
        try? FileManager.default.removeItem(atPath: path)
        let isWritten = FileManager.default.createFile(
            atPath: path, contents: Data((JSON.object(document).pretty() + "\n").utf8),
            attributes: [.posixPermissions: 0o600]
        )
        guard isWritten else { throw ConfigurationError("data", "cannot write \(path)") }
    }

    static func events(admin: Client, signingKey: StoredSigningKey, at time: Timestamp) -> [AuditEvent] {
        func event(_ name: AuditEvent.Name, _ target: String, after: JSONObject) -> AuditEvent {
            var event = AuditEvent(timestamp: time.milliseconds, name: name, decision: .allow)
            event.apiEndpoint = "legate init"
            event.target = target
            event.after = JSON.object(after).text
            event.policyEvaluation = .init(verdict: "permit", rule: "init", reason: nil)
            return event
        }
        return [
            event(.clientCreated, "client/\(admin.id)", after: admin.document(at: time)),
            event(
                .keyCreated, "key/\(signingKey.keyID)",
                after: ["kid": .string(signingKey.keyID), "alg": .string(signingKey.algorithm)]
            ),
        ]
    }
}
