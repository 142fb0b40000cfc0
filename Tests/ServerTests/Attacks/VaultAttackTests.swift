import HTTPTypes
import JOSE
import OAuth
import Revocations
import Support
import Testing

/// The hope: a value comes out of the vault, or something goes in, by a request that is not quite one.
@Suite("Attack: crooked requests to the vault")
struct VaultAttackTests {
    @Test(
        "a path is taken apart once, and what is no name is refused",
        arguments: [
            "payments/..", "payments/../payments/stripe", "./payments/stripe", "payments%2Fstripe",
            "payments%2fstripe", "payments/%2e%2e/stripe", "payments/stripe%00", "payments/stripe%",
            "payments/str%FFipe",
            "payments/stripe%20", "payments\\stripe", "payments/%252e", "pay+ments/stripe",
            "payments/" + String(repeating: "a", count: 65),
        ])
    func paths(name: String) async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe")
        let token = try await play.token(play.reader)
        let answer = try await play.call(.get, "values/\(name)", as: token)
        #expect(answer.status == 400)
        #expect(answer.json["errors"]?.array?.first?.object?["field"] == "name")
        #expect(!answer.answer.text.contains("s3cret"))
    }

    @Test("empty segments are nothing at all", arguments: ["payments//stripe", "/payments/stripe", "payments/stripe/"])
    func emptySegments(name: String) async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe")
        let token = try await play.token(play.reader)
        #expect(try await play.call(.get, "values/\(name)", as: token).status == 404)
    }

    @Test("an escape for an ordinary letter is that letter")
    func escape() async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe")
        let token = try await play.token(play.reader)
        #expect(try await play.call(.get, "values/payments/%73tripe", as: token).status == 200)
    }

    @Test(
        "a query that asks for more than there is gets nothing",
        arguments: [
            "version=0", "version=-1", "version=1e0", "version=", "version=1&version=2", "version=99999999999999999999",
            "Version=1", "wrap=60", "raw=true", "version=%31",
        ])
    func queries(query: String) async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe")
        let token = try await play.token(play.reader)
        let answer = try await play.call(.get, "values/payments/stripe?\(query)", as: token)
        let isDecoded = query == "version=%31"
        #expect(answer.status == (isDecoded ? 200 : 400))
    }

    @Test("a value has at most 64 KiB, however it is written")
    func size() async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe")
        let token = try await play.token(play.keeper)
        let whole = [UInt8](repeating: 1, count: 65_536)
        let bodies: [(JSONObject, Int)] = [
            (["value_base64": .string(Form.base64(whole))], 200),
            (["value_base64": .string(Form.base64(whole + [1]))], 400),
            (["value": .string(String(decoding: whole, as: UTF8.self))], 200),
            (["value": .string(String(decoding: whole + [1], as: UTF8.self))], 400), (["value": ""], 400),
        ]
        for (body, status) in bodies {
            #expect(try await play.call(.put, "values/payments/stripe", as: token, body).status == status)
        }
        let flood = String(repeating: "a", count: 1 << 20)
        #expect(
            try await play.call(.put, "values/payments/stripe", as: token, ["value": .string(flood)]).status == 413)
        #expect(try await play.call(.put, "secrets/other", as: token, ["value": .string(flood)]).status == 413)
        let reader = try await play.token(play.reader)
        let read = try await play.call(.get, "values/payments/stripe", as: reader)
        #expect(read.json["version"] == 3)
        #expect(read.json["value"]?.string?.utf8.elementsEqual(whole) == true)
    }

    @Test("a body says each thing once, in its own type, and nothing else")
    func bodies() async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe")
        let token = try await play.token(play.keeper)
        let bad = [
            #"{"value":"a","value":"b"}"#, #"{"value":7}"#, #"{"value":null}"#, #"{"value":["a"]}"#,
            #"{"value":"a","if_version":"1"}"#, #"{"value":"a","if_version":-1}"#, #"{"value":"a","if_version":1.0}"#,
            #"{"value":"a","version":1}"#, #"{"value_base64":"a"}"#, #"{"value_base64":"YQ"}"#,
            #"{"value_base64":" YQ=="}"#, #"{"value":"\ud800"}"#, "[]", "{", "", #"{"value":"a"} {}"#,
        ]
        for body in bad {
            let answer = try await play.http.send(
                .init(
                    .put, "/vault/values/payments/stripe",
                    headers: [("Authorization", "Bearer \(token)"), ("Content-Type", "application/json")],
                    body: Array(body.utf8)))
            #expect(answer.status == 400, "\(body)")
            #expect(answer.headers[.contentType] == "application/problem+json")
        }
        let form = try await play.http.send(
            .init(
                .put, "/vault/values/payments/stripe",
                headers: [
                    ("Authorization", "Bearer \(token)"), ("Content-Type", "application/x-www-form-urlencoded"),
                ], body: Array("value=a".utf8)))
        #expect(form.status == 415)
        let versions = try await play.call(.get, "versions/payments/stripe", as: token)
        #expect(versions.json["items"]?.array?.count == 1)
    }

    @Test("only a live token for the vault opens it")
    func tokens() async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe")
        let own = play.kit.server.registry.ownResources
        let gateway = try await play.kit.createAgent(
            "edge", scopes: ["revocations:read"], resources: [own.revocations.uri], with: ["kind": "gateway"])
        let dead = try await play.kit.token(play.reader, for: play.vault)
        try await play.kit.end(.token, dead.token.identity.jti)
        let tokens = [
            "a gateway's": try await play.kit.token(gateway, for: own.revocations.uri).accessToken,
            "an operator's": try await play.kit.adminToken(),
            "an API's": try await play.kit.token(play.kit.planner).accessToken,
            "a dead one": dead.accessToken,
        ]
        let before = play.kit.auditCount
        for (whose, token) in tokens {
            for path in ["values/payments/stripe", "secrets", "secrets/payments/stripe", "leases"] {
                let answer = try await play.call(.get, path, as: token)
                #expect(answer.status == 401, "\(whose): \(path)")
                #expect(
                    answer.headers[.wwwAuthenticate]?.contains(
                        #"resource_metadata="https://auth.example.com/.well-known/oauth-protected-resource/vault""#
                    ) == true)
            }
        }
        // Whoever is not let in writes nothing.
        #expect(play.kit.auditCount == before)
        // And the vault's own opens nothing else.
        let token = try await play.token(play.keeper)
        #expect(try await play.http.admin(.get, "/admin/clients", token: token).status == 401)
    }

    @Test("a token in the URL, two tokens, and another scheme open nothing")
    func credentials() async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe")
        let token = try await play.token(play.reader)
        let path = "/vault/values/payments/stripe"
        #expect(try await play.http.get("\(path)?access_token=\(token)").status == 400)
        #expect(
            try await play.http.get(
                path, headers: [("Authorization", "Bearer \(token)"), ("Authorization", "Bearer \(token)")]
            ).status == 400)
        #expect(try await play.http.get(path, headers: [("Authorization", "Basic \(token)")]).status == 401)
    }

    @Test("no answer of the vault may be kept by anyone")
    func caches() async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe")
        let (reader, keeper) = (try await play.token(play.reader), try await play.token(play.keeper))
        for (path, token) in [
            ("values/payments/stripe", reader), ("values/payments/none", reader), ("secrets", reader),
            ("secrets/payments/stripe", keeper), ("versions/payments/stripe", keeper), ("leases", keeper),
            ("leases", reader),
        ] {
            let answer = try await play.call(.get, path, as: token)
            #expect(answer.headers[.cacheControl] == "no-store", "\(path)")
        }
    }
}
