import HTTPTypes
import Hummingbird
import JOSE
import OAuth
import Vault

/// What the routes of an open server need for its sealing.
struct SealControl: Sendable {
    /// What holds for this process: dumpable, core dumps, locked memory.
    let process: JSONObject
    /// Forgets the keys before it returns.
    let seal: @Sendable (Operator) async throws -> Void
}

/// `/admin/vault`: the keys of the vault, for operators with `vault:manage`.
struct VaultKeyRoutes: Sendable {
    let server: AuthorizationServer
    let control: SealControl

    static let scope = "vault:manage"

    /// `GET /admin/vault?check`: what is sealed under which key, and what is still to do. With `check=boxes`, every box
    /// is opened now, and `unreadable` names all that do not open.
    func status(_ admin: AdminRequest) async throws -> Response {
        var document = try await server.keyringDesk.status(for: admin.caller)
        if let check = admin.query("check") {
            guard check == "boxes" else { throw InvalidDocument("check", "must be boxes") }
            document["unreadable"] = .array(try await server.backupDesk.unreadable().map { .string($0) })
        }
        document["process"] = .object(control.process)
        return Response(json: document)
    }

    /// `POST /admin/vault/seal`
    func seal(_ admin: AdminRequest) async throws -> Response {
        try admin.caller.require(Self.scope)
        try await admin.emptyDocument()
        try await control.seal(admin.caller)
        return Response(json: ["sealed": true])
    }

    /// `POST /admin/vault/unseal` of a server that is open: there is nothing to do, and no passphrase is looked at.
    @Sendable static func unseal(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .admin }
        return unsealed
    }

    static var unsealed: Response { Response(json: ["sealed": false]) }

    /// `POST /admin/vault/rotate`: a new term of the keyring.
    func rotate(_ admin: AdminRequest) async throws -> Response {
        try admin.caller.require(Self.scope)
        try await admin.emptyDocument()
        return try await changing { try await server.keyringDesk.rotate(by: admin.caller) }
    }

    /// `POST /admin/vault/rekey`: another root key or passphrase over the same terms.
    func rekey(_ admin: AdminRequest) async throws -> Response {
        try admin.caller.require(Self.scope)
        let target = try RekeyTarget(try await admin.document())
        return try await changing { try await server.keyringDesk.rekey(to: target, by: admin.caller) }
    }

    private func changing(_ body: () async throws -> JSONObject) async throws -> Response {
        do {
            return Response(json: try await body())
        } catch let refusal as KeyringRefusal {
            throw refusal == .busy ? Self.busy(refusal.detail) : Self.conflict(refusal.detail)
        } catch VaultError.busy {
            throw Self.busy(VaultError.busy.description)
        }
    }

    private static func busy(_ detail: String) -> HTTPRefusal {
        HTTPRefusal(
            status: .serviceUnavailable, code: OAuthError.Code.temporarilyUnavailable.rawValue, detail: detail,
            headers: [.retryAfter: "1"]
        )
    }

    private static func conflict(_ detail: String) -> HTTPRefusal {
        HTTPRefusal(status: .conflict, code: "keys_unchanged", detail: detail)
    }
}

extension AdminRequest {
    /// - Throws: `InvalidDocument` when the body has members: this call takes none.
    func emptyDocument() async throws {
        for member in try await document().members {
            throw InvalidDocument(member.name, "is not a member that can be set here")
        }
    }
}
