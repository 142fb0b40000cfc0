import HTTPTypes
import JOSE
import OAuth
import Support

/// The people around the vault: who keeps the secrets, and two agents of whom only one may read.
struct VaultPlay {
    let kit: LegateKit
    let http: HTTPTester
    /// Manages secrets, reads none.
    let keeper: Party
    /// Has a rule on whatever `put` makes.
    let reader: Party
    /// Has the scope, but no rule.
    let stranger: Party

    static func start() async throws -> VaultPlay {
        let kit = try await LegateKit.start()
        let vault = kit.server.registry.ownResources.vault.uri
        return VaultPlay(
            kit: kit, http: try kit.http(),
            keeper: try await kit.createAgent("keeper", scopes: ["secrets:write"], resources: [vault]),
            reader: try await kit.createAgent(
                "reader", scopes: ["secrets:read"], resources: [vault],
                grants: ["client_credentials", "token_exchange"]
            ),
            stranger: try await kit.createAgent("stranger", scopes: ["secrets:read"], resources: [vault])
        )
    }

    var vault: ResourceURI { kit.server.registry.ownResources.vault.uri }

    func token(_ party: Party, task: String? = nil) async throws -> String {
        try await kit.token(party, for: vault, with: task.map { ["task_id": $0] } ?? [:]).accessToken
    }

    /// A call to the vault.
    func call(
        _ method: HTTPRequest.Method, _ path: String, as token: String?, _ body: JSONObject? = nil,
        headers: [(String, String)] = []
    ) async throws -> HTTPExchange {
        try await http.admin(method, "/vault/" + path, token: token, body, headers: headers)
    }

    /// A secret that `reader` may read.
    @discardableResult
    func put(_ name: String, _ value: String = "s3cret-value", with more: JSONObject = [:]) async throws -> HTTPExchange
    {
        let body: JSONObject = ["value": .string(value), "rules": [["client_id": "reader"]]]
        let made = try await call(.put, "secrets/\(name)", as: try await token(keeper), body.merging(patch: more))
        guard made.status == 201 else { throw NotMade(answer: made.answer.text) }
        return made
    }

    struct NotMade: Error { let answer: String }
}
