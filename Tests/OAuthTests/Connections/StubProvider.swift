import Crypto
import JOSE
import OAuth
import Support
import Synchronization
import Vault

/// A third party's token endpoint, as strict as the strictest: codes are good once and bound to their challenge,
/// refresh tokens are rotated, and a refresh token that comes twice ends the whole grant.
final class StubProvider: Sendable {
    static let authorize = "https://provider.example/authorize"
    static let token = "https://provider.example/token"
    static let revoke = "https://provider.example/revoke"
    static let clientSecret = "provider client secret"

    private struct State {
        var challenges: [String: String] = [:]
        var refreshToken: String?
        var spent: Set<String> = []
        var made = 0
        var refreshes = 0
        var lifetime: Int? = 3600
        var rotates = true
        var fault: FormAnswer?
        var pause = Duration.zero
        var revoked: [String] = []
        var forms: [[String: String]] = []
    }

    private let state = Mutex(State())

    init(_ kit: LegateKit) {
        kit.fetcher.answer(at: Self.token) { try await self.answer($0) }
        kit.fetcher.answer(at: Self.revoke) { form in
            let token = Self.members(of: form)["token"] ?? ""
            self.state.withLock { $0.revoked.append(token) }
            return FormAnswer(status: 200, body: [])
        }
    }

    var refreshes: Int { state.withLock { $0.refreshes } }
    var refreshToken: String? { state.withLock { $0.refreshToken } }
    var revoked: [String] { state.withLock { $0.revoked } }
    var forms: [[String: String]] { state.withLock { $0.forms } }

    /// Seconds that access tokens live; nil gives them no end.
    func setLifetime(_ seconds: Int?) { state.withLock { $0.lifetime = seconds } }

    /// Answers like this until told otherwise.
    func fail(_ status: Int?, _ error: String = "server_error") {
        let document: JSONObject = ["error": .string(error)]
        state.withLock { $0.fault = status.map { FormAnswer(status: $0, body: document.serialized) } }
    }

    /// How long every answer takes.
    func setPause(_ pause: Duration) { state.withLock { $0.pause = pause } }

    /// The user takes the grant back on the provider's own pages.
    func withdraw() { state.withLock { $0.refreshToken = nil } }

    /// The user agrees on the provider's page.
    ///
    /// - Returns: the query with which the browser is sent back.
    func agree(to authorizationURL: String, issuer: String? = nil) throws -> String {
        let query = try Parameters(form: Array((authorizationURL.split(separator: "?").last ?? "").utf8))
        let state = try query.required(.state)
        let code = Unguessable.text(bytes: 16)
        let challenge = try query.required(Parameters.Name(rawValue: "code_challenge"))
        self.state.withLock { $0.challenges[code] = challenge }
        return "code=\(code)&state=\(state)" + (issuer.map { "&iss=\($0)" } ?? "")
    }

    private func answer(_ form: FormPost) async throws -> FormAnswer {
        let (fault, pause) = state.withLock { ($0.fault, $0.pause) }
        if pause > .zero { try await Task.sleep(for: pause) }
        if let fault { return fault }
        let members = Self.members(of: form)
        let isClient = members["client_secret"] == Self.clientSecret || form.authorization != nil
        guard isClient else { return Self.refuse(401, "invalid_client") }
        return state.withLock { state in
            state.forms.append(members)
            switch members["grant_type"] {
            case "authorization_code":
                let digest = SHA256.hash(data: Array((members["code_verifier"] ?? "").utf8))
                let challenge = members["code"].flatMap { state.challenges.removeValue(forKey: $0) }
                guard challenge == Base64URL.encode(Array(digest)) else { return Self.refuse(400, "invalid_grant") }
                return Self.give(&state)
            case "refresh_token":
                let token = members["refresh_token"] ?? ""
                if state.spent.contains(token) {
                    state.refreshToken = nil
                    return Self.refuse(400, "invalid_grant")
                }
                guard token == state.refreshToken else { return Self.refuse(400, "invalid_grant") }
                state.refreshes += 1
                state.spent.insert(token)
                return Self.give(&state)
            default: return Self.refuse(400, "unsupported_grant_type")
            }
        }
    }

    private static func give(_ state: inout State) -> FormAnswer {
        state.made += 1
        let refresh = "refresh-\(state.made)-" + Unguessable.text(bytes: 8)
        state.refreshToken = refresh
        var document: JSONObject = [
            "access_token": .string("access-\(state.made)"), "token_type": "bearer", "refresh_token": .string(refresh),
            "scope": "repo",
        ]
        if let lifetime = state.lifetime { document["expires_in"] = .integer(Int64(lifetime)) }
        return FormAnswer(status: 200, body: document.serialized)
    }

    private static func refuse(_ status: Int, _ error: String) -> FormAnswer {
        let document: JSONObject = ["error": .string(error)]
        return FormAnswer(status: status, body: document.serialized)
    }

    static func members(of form: FormPost) -> [String: String] {
        let pairs = form.body.text.split(separator: "&").map { pair -> (String, String) in
            let name = pair.prefix { $0 != "=" }
            let value = (try? Parameters.decode(ArraySlice(Array(pair.dropFirst(name.count + 1).utf8)))) ?? ""
            return (String(name), value)
        }
        return Dictionary(pairs) { first, _ in first }
    }
}

extension LegateKit {
    static let github = LegateKit.secretName("users/alice/github")

    var connections: ConnectionDesk { server.connectionDesk }

    func connection(_ name: SecretName = LegateKit.github) -> Connection? {
        server.registry.connections.connection(name)
    }

    static func providerDraft(_ more: JSONObject = [:]) -> JSONObject {
        let provider: JSONObject = [
            "authorization_endpoint": .string(StubProvider.authorize), "token_endpoint": .string(StubProvider.token),
            "revocation_endpoint": .string(StubProvider.revoke), "client_id": "legate",
            "client_secret": .string(StubProvider.clientSecret), "client_auth": "client_secret_post",
            "scopes": ["repo"],
        ]
        return ["provider": .object(provider.merging(patch: more))]
    }

    /// The browser comes back.
    func comeBack(with query: String, to id: String? = nil) async throws -> CallbackAnswer {
        try await connections.callback(
            id ?? connection()?.id.text ?? "", try Parameters(form: Array(query.utf8)),
            in: context("GET /connections/callback/{id}")
        )
    }

    /// The code of an answer that was taken.
    func code(in answer: CallbackAnswer) throws -> String {
        guard case .answered(let code, _, _) = answer else { throw NotAnswered() }
        return code
    }

    /// Connects an account from start to finish.
    @discardableResult
    func connect(_ provider: StubProvider, readers: [Party] = [], with more: JSONObject = [:]) async throws
        -> Connection
    {
        let draft = Self.providerDraft().merging(patch: more)
        let started = try await connections.start(Self.github, draft, by: keeper())
        for reader in readers {
            _ = try await server.secretDesk.allow(
                Self.github, rule: ["client_id": .string(reader.id.text)], by: keeper())
        }
        let answer = try await comeBack(with: try provider.agree(to: started.authorizationURL))
        _ = try await connections.finish(Self.github, code: try code(in: answer), by: keeper())
        guard let connection = connection() else { throw NotAnswered() }
        return connection
    }

    struct NotAnswered: Error {}
}
