import HTTPTypes
import JOSE
import OAuth
import Support
import Testing

@Suite("On the wire: secrets that change")
struct RotationTranscriptTests {
    private static let path = "/clients/self/rotate-secret"

    @Test("a client replaces its own secret")
    func own() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let party = try await kit.createAgent(
            "scribe", scopes: ["calendar.read"], resources: [World.calendar], with: ["secret_lifetime": 86_400])
        let token = try await kit.token(party).accessToken
        var transcript = Transcript("client-secret")
        transcript.add("without credentials", try await http.post(Self.path, Form()))
        transcript.add(
            "with a token", try await http.post(Self.path, Form(), headers: [("Authorization", "Bearer \(token)")]))
        transcript.add("with a bad grace", try await http.post(Self.path, Form([("grace", "soon")]), as: party))
        let answer = transcript.add(
            "with the secret", try await http.post(Self.path, Form([("grace", "600")]), as: party))
        let form = Form([("grant_type", "client_credentials")])
        transcript.add("the old secret hears that it ends", try await http.post("/token", form, as: party))
        let secret = try #require(try JSON(parsing: answer.answer.body).object?["client_secret"]?.string)
        #expect(try await http.post("/token", form, as: party.with(.basic(secret))).answer.status == .ok)
        transcript.add(
            "the old secret, when the new one is in use", try await http.post(Self.path, Form(), as: party))
        kit.clock.advance(seconds: 600)
        transcript.add("the old secret after its grace", try await http.post("/token", form, as: party))
        try transcript.check()
    }

    @Test("a rotation that is asked for")
    func onDemand() async throws {
        let play = try await VaultPlay.start()
        let token = try await play.token(play.keeper)
        let reader = try await play.token(play.reader)
        _ = try await play.call(
            .put, "secrets/db/password", as: token,
            ["kind": "generated", "rules": [["client_id": "reader"]], "rotation": ["every": 3600]])
        try await play.put("payments/stripe")
        var transcript = Transcript("vault-rotation")
        transcript.add("rotate", try await play.call(.post, "rotate/db/password", as: token))
        transcript.add("how it stands", try await play.call(.get, "secrets/db/password", as: token))
        transcript.add("the versions", try await play.call(.get, "versions/db/password", as: token))
        transcript.add("what does not rotate", try await play.call(.post, "rotate/payments/stripe", as: token))
        transcript.add("what is not there", try await play.call(.post, "rotate/none", as: token))
        transcript.add("who only reads it", try await play.call(.post, "rotate/db/password", as: reader))
        transcript.add(
            "with something to set", try await play.call(.post, "rotate/db/password", as: token, ["grace": 1]))
        try transcript.check()
    }

    @Test("a rotation whose webhook does not agree is accepted, and says why it is not done")
    func accepted() async throws {
        let play = try await VaultPlay.start()
        let token = try await play.token(play.keeper)
        play.kit.courier.answer(then: PushAnswer(status: 503))
        let made = try await play.call(
            .put, "secrets/a", as: token,
            ["kind": "generated", "rotation": ["webhook": "https://deploy.example.com/rotated"]]
        ).answer
        #expect(made.status == .created)
        let defined = try #require(try JSON(parsing: made.body).object)
        #expect(defined["current_version"]?.isNull == true && defined["latest_version"]?.integer == 1)
        #expect(defined["rotation_state"]?.object?["reason"]?.string == "the webhook answered 503")
        let answer = try await play.call(.post, "rotate/a", as: token).answer
        #expect(answer.status == .accepted)
        let document = try #require(try JSON(parsing: answer.body).object)
        #expect(document["rotated"]?.bool == false && document["current_version"]?.isNull == true)
        #expect(document["reason"]?.string == "the webhook answered 503")
        #expect(document["rotation_state"]?.object?["pending_version"]?.integer == 1)
        let page = String(decoding: try await play.kit.http().get("/metrics").answer.body, as: UTF8.self)
        #expect(page.contains("legate_secret_rotation_failures_total 2\n"))
        #expect(page.contains("legate_secret_rotations_total 0\n") && page.contains("legate_secrets_overdue 0\n"))
    }

    @Test("a webhook at an address of a private network takes allow_private_network, in a change as well")
    func privateWebhook() async throws {
        let play = try await VaultPlay.start()
        let token = try await play.token(play.keeper)
        func rotation(_ webhook: String, allowed: Bool) -> JSONObject {
            ["rotation": ["webhook": .string(webhook), "allow_private_network": .bool(allowed)]]
        }
        let kind: JSONObject = ["kind": "generated"]
        play.kit.courier.answer(then: PushAnswer(status: 200))
        for webhook in ["https://10.1.2.3/rotated", "https://[fd00::1]/rotated"] {
            let refused = try await play.call(
                .put, "secrets/a", as: token, kind.merging(patch: rotation(webhook, allowed: false)))
            #expect(refused.status == 400 && refused.answer.text.contains("allow_private_network"))
        }
        let inside = rotation("https://10.1.2.3/rotated", allowed: true)
        #expect(try await play.call(.put, "secrets/a", as: token, kind.merging(patch: inside)).status == 201)
        let closed = try await play.call(
            .patch, "secrets/a", as: token, ["rotation": ["allow_private_network": false]])
        #expect(closed.status == 400)
        let described = try await play.call(.patch, "secrets/a", as: token, ["description": "a key"])
        #expect(described.status == 200)
    }

    @Test("a client's secret that is given to the vault: the answer says its version, and when the old one ends")
    func kept() async throws {
        let play = try await VaultPlay.start()
        let token = try await play.token(play.keeper)
        let nobody = try await play.call(
            .put, "secrets/clients/reader", as: token, ["kind": "client", "client_id": "reader"])
        #expect(nobody.answer.status == .badRequest)
        let refused = try #require(try JSON(parsing: nobody.answer.body).object)
        #expect(refused["errors"]?.array?.first?.object?["field"] == "rules")
        #expect(try await play.token(play.reader).isEmpty == false)
        let kept = try await play.call(
            .put, "secrets/clients/reader", as: token,
            [
                "kind": "client", "client_id": "reader", "rules": [["client_id": "reader"]],
                "rotation": ["every": 3600, "grace": 600],
            ])
        #expect(kept.answer.status == .created)
        let document = try #require(try JSON(parsing: kept.answer.body).object)
        #expect(document["current_version"]?.integer == 1 && document["latest_version"]?.integer == 1)
        #expect(document["previous_secret_expires_at"] == "2026-03-01T12:10:00Z")
        #expect(document["rotation_state"]?.object?["failures"]?.integer == 0)
    }
}
