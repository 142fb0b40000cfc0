import HTTPTypes
import JOSE
import OAuth
import Revocations
import Support
import Testing
import Vault

@Suite("The vault's API")
struct VaultAPITests {
    private func names(_ answer: HTTPExchange) -> [String] {
        answer.json["items"]?.array?.compactMap { $0.object?["name"]?.string } ?? []
    }

    @Test("lists are paged by name without a gap, whoever asks")
    func paging() async throws {
        let play = try await VaultPlay.start()
        let keeper = try await play.token(play.keeper)
        for name in ["b/2", "a", "b/1", "c/x/y", "b"] { try await play.put(name) }
        for name in ["a2", "b/3"] { _ = try await play.call(.put, "secrets/\(name)", as: keeper, ["value": "x"]) }
        let reader = try await play.token(play.reader)
        for (token, all) in [
            (keeper, ["a", "a2", "b", "b/1", "b/2", "b/3", "c/x/y"]), (reader, ["a", "b", "b/1", "b/2", "c/x/y"]),
        ] {
            for limit in [1, 2, 3, 1000] {
                var found: [String] = []
                var cursor = ""
                for _ in 0..<20 {
                    let page = try await play.call(
                        .get, "secrets?limit=\(limit)" + (cursor.isEmpty ? "" : "&cursor=\(cursor)"), as: token)
                    #expect(names(page).count <= limit)
                    found += names(page)
                    guard let next = page.json["next"]?.string else { break }
                    cursor = next
                }
                #expect(found == all)
            }
            let below = try await play.call(.get, "secrets?prefix=b/", as: token)
            #expect(names(below) == all.filter { $0.hasPrefix("b/") })
        }
    }

    @Test("a folder in a vault of many is listed whole, and nothing beside it")
    func folders() async throws {
        let play = try await VaultPlay.start()
        let keeper = try await play.token(play.keeper)
        var items: [JSON] = (0..<1200).map { ["name": .string("a/\($0)"), "value_base64": "eA=="] }
        items += ["b", "b-", "b.x", "b/", "b/1", "b/2", "b0", "c"].compactMap { name in
            SecretName(name).map { ["name": .string($0.text), "value_base64": "eA=="] }
        }
        for part in stride(from: 0, to: items.count, by: 500).map({ items[$0..<min($0 + 500, items.count)] }) {
            let made = try await play.call(
                .post, "import", as: keeper,
                ["secrets": .array(Array(part)), "readers": ["reader"], "overwrite": false])
            #expect(made.json["applied"] == true, "\(made.answer.text.prefix(300))")
        }
        for token in [keeper, try await play.token(play.reader)] {
            #expect(names(try await play.call(.get, "secrets?prefix=b/", as: token)) == ["b/1", "b/2"])
            #expect(
                names(try await play.call(.get, "secrets?prefix=b", as: token)) == [
                    "b", "b-", "b.x", "b/1", "b/2", "b0",
                ])
            #expect(names(try await play.call(.get, "secrets?prefix=a/&cursor=b/1", as: token)) == [])
            #expect(names(try await play.call(.get, "secrets?prefix=a/119&limit=1000", as: token)).count == 11)
            #expect(names(try await play.call(.get, "secrets?limit=1000", as: token)).count == 1000)
            #expect(names(try await play.call(.get, "secrets?prefix=x", as: token)) == [])
        }
    }

    @Test("who may read a secret is not told of the others who may")
    func summary() async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe", with: ["rules": [["client_id": "reader"], ["client_id": "planner"]]])
        let reader = try await play.token(play.reader)
        for path in ["secrets/payments/stripe", "secrets"] {
            let answer = try await play.call(.get, path, as: reader)
            #expect(answer.status == 200)
            #expect(!answer.answer.text.contains("planner"))
            #expect(!answer.answer.text.contains("rules"))
            #expect(answer.headers[.eTag] == nil)
        }
    }

    @Test("a read is in the trail: who, for whom, which task, which version, under which rule; and not the value")
    func audited() async throws {
        let play = try await VaultPlay.start()
        let made = try await play.put("payments/stripe", "sk_live_hidden")
        let rule = try #require(made.json["rules"]?.array?.first?.object?["rule_id"]?.string)
        let reader = try await play.token(play.reader, task: "invoice-42")
        #expect(try await play.call(.get, "values/payments/stripe", as: reader).json["value"] == "sk_live_hidden")
        let event = try #require(try await play.kit.lastRecord()?.event)
        #expect(event.name == .secretReleased)
        #expect(event.decision == .allow)
        #expect(event.clientID == "reader")
        #expect(event.taskID == "reader/invoice-42")
        #expect(event.target == "secret/payments/stripe/versions/1")
        #expect(event.policyEvaluation?.rule == rule)
        #expect(event.apiEndpoint == "GET /vault/values/{name}")
        for record in try await play.kit.records() { #expect(!record.json.text.contains("sk_live_hidden")) }
    }

    @Test("every refusal of somebody known is in the trail, under the name that was asked for")
    func refusalsAudited() async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe")
        let (keeper, reader) = (try await play.token(play.keeper), try await play.token(play.reader, task: "t1"))
        let stranger = try await play.token(play.stranger)
        let cases: [(HTTPRequest.Method, String, String, rule: String, target: String?)] = [
            (.get, "values/payments/stripe", stranger, "secret_rule", "secret/payments/stripe"),
            (.get, "values/payments/none", stranger, "secret_exists", "secret/payments/none"),
            (.get, "values/payments/stripe?version=9", reader, "secret_version", "secret/payments/stripe"),
            (.get, "secrets/payments/stripe", stranger, "secret_rule", "secret/payments/stripe"),
            (.get, "secrets/payments/none", stranger, "secret_exists", "secret/payments/none"),
            (.get, "secrets/payments/none", keeper, "secret_exists", "secret/payments/none"),
            (.delete, "secrets/payments/none", keeper, "secret_exists", "secret/payments/none"),
            (.delete, "values/payments/stripe?version=9", keeper, "secret_exists", "secret/payments/stripe"),
            (.delete, "leases/lease_none", keeper, "secret_exists", "lease/lease_none"),
            (.get, "values/payments/stripe", keeper, "token_scope", "secret/payments/stripe"),
            (.get, "versions/payments/stripe", reader, "secrets:write", "secret/payments/stripe"),
            (.get, "leases", reader, "secrets:write", nil),
        ]
        for (method, path, token, rule, target) in cases {
            let before = play.kit.auditCount
            let answer = try await play.call(method, path, as: token)
            #expect([403, 404].contains(answer.status), "\(path)")
            #expect(play.kit.auditCount == before + 1, "\(method) \(path)")
            let event = try #require(try await play.kit.lastRecord()?.event)
            #expect(event.name == .secretRefused, "\(method) \(path)")
            #expect(event.decision == .deny)
            #expect(event.target == target, "\(method) \(path)")
            #expect(event.policyEvaluation?.rule == rule, "\(method) \(path)")
            #expect(event.clientID != nil)
            if token == reader { #expect(event.taskID == "reader/t1") }
        }
    }

    @Test("revoking a delegation ends the leases that stand on it, and those alone")
    func delegation() async throws {
        let play = try await VaultPlay.start()
        let kit = play.kit
        let delegation = try await kit.delegate(to: play.reader, scopes: "secrets:read", resources: [play.vault])
        try await play.put("users/alice/github", with: ["rules": [["client_id": "reader", "subject": "corp|alice"]]])
        try await play.put("payments/stripe")
        let forAlice = try await kit.act(by: play.reader, at: play.vault, scope: "secrets:read").accessToken
        let own = try await play.token(play.reader)
        #expect(try await play.call(.get, "values/users/alice/github", as: forAlice).status == 200)
        // Whoever acts for nobody, or for somebody else, has no business there.
        #expect(try await play.call(.get, "values/users/alice/github", as: own).status == 404)
        #expect(try await play.call(.get, "values/payments/stripe", as: own).status == 200)
        let keeper = try await play.token(play.keeper)
        func live() async throws -> Set<String> {
            let list = try await play.call(.get, "leases", as: keeper)
            return Set(list.json["items"]?.array?.compactMap { $0.object?["secret"]?.string } ?? [])
        }
        #expect(try await live() == ["users/alice/github", "payments/stripe"])
        try await kit.revokeDelegation(delegation.id)
        #expect(try await live() == ["payments/stripe"])
        #expect(try await play.call(.get, "values/users/alice/github", as: forAlice).status == 401)
    }

    @Test("nothing is released when it cannot be recorded")
    func unrecorded() async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe")
        let reader = try await play.token(play.reader)
        play.kit.store.fail(true)
        let answer = try await play.call(.get, "values/payments/stripe", as: reader)
        #expect(answer.status == 503)
        #expect(answer.headers[.retryAfter] == "1")
        #expect(!answer.answer.text.contains("s3cret-value"))
        play.kit.store.fail(false)
        #expect(try await play.call(.get, "values/payments/stripe", as: reader).status == 200)
    }

    @Test(
        "what was put comes back to the byte", arguments: ["x", "two\nlines\n", "ümlaut \u{1F511}", "\u{0}\u{1F}\"\\"])
    func bytes(value: String) async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe", value)
        let reader = try await play.token(play.reader)
        let answer = try await play.call(.get, "values/payments/stripe", as: reader)
        #expect(answer.json["value"]?.string?.utf8.elementsEqual(value.utf8) == true)
        #expect(answer.json["encoding"] == "utf8")
    }

    @Test("everything of a secret is there after a restart")
    func restart() async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe", "sk_live_1", with: ["lease_ttl": 60])
        let keeper = try await play.token(play.keeper)
        _ = try await play.call(.put, "values/payments/stripe", as: keeper, ["value": "sk_live_2"])
        let before = try await play.call(.get, "secrets/payments/stripe", as: keeper).answer.text
        let reader = try await play.token(play.reader)
        let http = try (try await play.kit.restarted()).http()
        #expect(try await http.admin(.get, "/vault/secrets/payments/stripe", token: keeper).answer.text == before)
        let read = try await http.admin(.get, "/vault/values/payments/stripe", token: reader)
        #expect(read.json["value"] == "sk_live_2")
    }
}
