import Foundation
import HTTPTypes
import JOSE
import OAuth
import Support
import Testing
import Vault

/// The hope: an agent with a good token of its own learns that another agent's secret exists, by any endpoint.
@Suite("Attack: an agent looks for another agent's secrets")
struct TwoAgentIsolationTests {
    private struct Call: Sendable {
        let method: HTTPRequest.Method
        /// What the vault's table calls it.
        let route: String
        let path: @Sendable (_ name: String) -> String
        var body: JSONObject?
    }

    /// Every endpoint of the vault that names a secret, and those that might tell of one.
    private static let calls: [Call] = [
        Call(method: .get, route: "secrets", path: { "secrets?prefix=\($0)" }),
        Call(method: .get, route: "secrets/**", path: { "secrets/\($0)" }),
        Call(method: .put, route: "secrets/**", path: { "secrets/\($0)" }, body: ["value": "x"]),
        Call(method: .patch, route: "secrets/**", path: { "secrets/\($0)" }, body: ["lease_ttl": 60]),
        Call(method: .delete, route: "secrets/**", path: { "secrets/\($0)" }),
        Call(method: .get, route: "values/**", path: { "values/\($0)" }),
        Call(method: .get, route: "values/**", path: { "values/\($0)?version=1" }),
        Call(method: .get, route: "values/**", path: { "values/\($0)?wrap_ttl=60" }),
        Call(method: .put, route: "values/**", path: { "values/\($0)" }, body: ["value": "x", "if_version": 0]),
        Call(method: .delete, route: "values/**", path: { "values/\($0)" }),
        Call(method: .get, route: "versions/**", path: { "versions/\($0)" }),
        Call(method: .post, route: "undelete/**", path: { "undelete/\($0)" }, body: ["version": 1]),
        Call(method: .post, route: "destroy/**", path: { "destroy/\($0)" }, body: ["version": 1]),
        Call(method: .post, route: "rules/**", path: { "rules/\($0)" }, body: ["client_id": "stranger"]),
        Call(method: .delete, route: "rules/**", path: { "rules/\($0)?client_id=reader" }),
        Call(method: .get, route: "leases", path: { "leases?secret=\($0)" }),
        Call(method: .delete, route: "leases/{id}", path: { "leases/\($0.split(separator: "/").joined())" }),
        Call(
            method: .post, route: "import", path: { _ in "import" },
            body: ["secrets": [["name": "payments/stripe", "value_base64": "eA=="]], "dry_run": true]
        ),
        Call(method: .post, route: "rotate/**", path: { "rotate/\($0)" }),
        Call(method: .post, route: "unwrap", path: { _ in "unwrap" }, body: ["reference": "legate_wrap_none"]),
        Call(method: .get, route: "connections", path: { "connections?prefix=\($0)" }),
        Call(method: .post, route: "connections/start/**", path: { "connections/start/\($0)" }),
        Call(
            method: .post, route: "connections/finish/**", path: { "connections/finish/\($0)" }, body: ["code": "x"]
        ),
        Call(method: .get, route: "connections/**", path: { "connections/\($0)" }),
        Call(method: .delete, route: "connections/**", path: { "connections/\($0)" }),
        Call(method: .get, route: "canaries", path: { _ in "canaries" }),
        Call(
            method: .post, route: "canaries", path: { _ in "canaries" }, body: ["kind": "api-key", "where": "a wiki"]
        ),
        Call(method: .delete, route: "canaries/{id}", path: { _ in "canaries/none" }),
    ]

    /// Everything of an answer but the number of the request.
    private func shape(_ answer: HTTPExchange) -> String {
        let id = answer.headers[.init("X-Request-Id") ?? .server] ?? ""
        let headers = answer.headers.map { "\($0.name): \($0.value)" }.joined(separator: "\n")
        return "\(answer.status)\n\(headers)\n\(answer.answer.text)".replacingOccurrences(of: id, with: "{id}")
    }

    @Test("at every endpoint, a secret of another agent and one that never was are answered to the letter alike")
    func everyEndpoint() async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe", "sk_live_1")
        let reader = try await play.token(play.reader)
        let released = try await play.call(.get, "values/payments/stripe", as: reader)
        #expect(released.status == 200)
        let lease = try #require(released.json["lease"]?.object?["lease_id"]?.string)
        let token = try await play.token(play.stranger)
        for call in Self.calls {
            let isLease = call.route == "leases/{id}"
            var answers: [String] = []
            var written: [Int64] = []
            for name in [
                isLease ? lease : "payments/stripe",
                isLease ? "lease_" + lease.dropFirst(6).reversed() : "payments/strong",
            ] {
                let before = play.kit.auditCount
                let answer = try await play.call(call.method, call.path(name), as: token, call.body)
                answers.append(shape(answer))
                written.append(play.kit.auditCount - before)
                #expect(!answer.answer.text.contains("sk_live"), "\(call.method) \(call.route)")
            }
            #expect(answers.first == answers.last, "\(call.method) \(call.route)")
            #expect(written.first == written.last, "\(call.method) \(call.route): \(written)")
        }
        // Nothing of all that did anything.
        #expect(try await play.call(.get, "values/payments/stripe", as: reader).json["version"] == 1)
    }

    @Test("the list of an agent without a rule is the list of an empty vault")
    func list() async throws {
        let play = try await VaultPlay.start()
        let token = try await play.token(play.stranger)
        let before = shape(try await play.call(.get, "secrets", as: token))
        for number in 0..<5 { try await play.put("payments/\(number)") }
        #expect(shape(try await play.call(.get, "secrets", as: token)) == before)
        #expect(shape(try await play.call(.get, "secrets?limit=1", as: token)) == before)
    }

    @Test("what a gateway hears about a caller without a rule is alike whatever others keep for the API")
    func check() async throws {
        let worlds: [[(name: String, owner: String)]] = [
            [("payments/stripe", "planner")],
            [("payments/stripe", "planner"), ("payments/second", "planner")],
            [("payments/third", "signer")],
        ]
        var answers: Set<String> = []
        for secrets in worlds {
            let kit = try await LegateKit.start()
            for (name, owner) in secrets {
                try await kit.keep(name, "sk_live_1", with: Self.brokered(to: owner))
            }
            let token = try await kit.token(kit.worker, scope: "calendar.read").accessToken
            let gateway = Form.basic(kit.gateway.id.text, try #require(kit.gateway.secret))
            let answer = try await kit.http().get(
                "/check?resource=calendar",
                headers: [("Authorization", "Bearer \(token)"), ("Legate-Gateway-Authorization", gateway)]
            )
            #expect(answer.status == 403)
            let heard = shape(answer)
            for word in ["sk_live", "payments", "planner", "signer", "rule", "secret", "credential"] {
                #expect(!heard.lowercased().contains(word), "\(word)")
            }
            #expect(try await kit.lastRecord()?.event.policyEvaluation?.rule == "credential")
            answers.insert(heard)
        }
        #expect(answers.count == 1)
    }

    /// A secret that gateways put on the calls of one agent to the calendar.
    private static func brokered(to client: String) -> JSONObject {
        let calendar = JSON.string(World.calendar.text)
        return [
            "resource": calendar, "injection": ["header": "X-Api-Key"],
            "rules": [["client_id": .string(client), "resource": calendar]],
        ]
    }

    @Test("no endpoint of the vault is missing here")
    func complete() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let table = try String(
            contentsOf: root.appendingPathComponent("Sources/Server/Endpoints/Vault/VaultTable.swift"), encoding: .utf8)
        let routes = table.matches(of: /vault\(\s*"([^"]+)"/).map { String($0.output.1) }
        #expect(routes.count >= 9)
        let tried = Set(Self.calls.map(\.route))
        for route in routes where !route.contains("\\(") {
            #expect(tried.contains(route), "try \(route) here too")
        }
        // The verbs of a connection are in a loop.
        #expect(routes.count { $0.contains("\\(") } == 1)
        #expect(tried.isSuperset(of: ["connections/start/**", "connections/finish/**"]))
    }
}
