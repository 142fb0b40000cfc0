import HTTPTypes
import JOSE
import OAuth
import Support
import Testing

@Suite("On the wire: the vault")
struct VaultTranscriptTests {
    @Test("getting in")
    func access() async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe")
        var transcript = Transcript("vault-access")
        transcript.add("without a token: where to get one", try await play.call(.get, "secrets", as: nil))
        transcript.add("with something else", try await play.call(.get, "values/payments/stripe", as: "x"))
        let calendar = try await play.kit.token(play.kit.planner).accessToken
        transcript.add(
            "with a token for another resource", try await play.call(.get, "values/payments/stripe", as: calendar))
        let reader = try await play.token(play.reader)
        transcript.add(
            "without the scope", try await play.call(.put, "values/payments/stripe", as: reader, ["value": "mine"]))
        let keeper = try await play.token(play.keeper)
        transcript.add(
            "who manages secrets reads none", try await play.call(.get, "values/payments/stripe", as: keeper))
        transcript.add("another method", try await play.call(.post, "values/payments/stripe", as: reader))
        transcript.add("HEAD would be a read", try await play.call(.head, "values/payments/stripe", as: reader))
        transcript.add("nothing there", try await play.call(.get, "nothing", as: reader))
        transcript.add("a name that is none", try await play.call(.get, "values/payments/str%20ipe", as: reader))
        try transcript.check()
    }

    @Test("what a secret is")
    func definition() async throws {
        let play = try await VaultPlay.start()
        let token = try await play.token(play.keeper)
        var transcript = Transcript("vault-secret")
        let draft: JSONObject = [
            "description": "the payment provider", "lease_ttl": 600, "value": "sk_live_1",
            "rules": [["client_id": "reader"]],
        ]
        transcript.add("create", try await play.call(.put, "secrets/payments/stripe", as: token, draft))
        transcript.add("create again", try await play.call(.put, "secrets/payments/stripe", as: token, draft))
        transcript.add(
            "create nonsense",
            try await play.call(
                .put, "secrets/payments/other", as: token,
                ["kind": "magic", "colour": "red", "lease_ttl": 0, "rules": [["scope": "a b"]]]))
        transcript.add("show", try await play.call(.get, "secrets/payments/stripe", as: token))
        transcript.add(
            "change",
            try await play.call(
                .patch, "secrets/payments/stripe", as: token, ["lease_ttl": 300], headers: [("If-Match", "\"1\"")]))
        transcript.add(
            "change what has changed",
            try await play.call(
                .patch, "secrets/payments/stripe", as: token, ["lease_ttl": 60], headers: [("If-Match", "\"1\"")]))
        transcript.add("list", try await play.call(.get, "secrets?prefix=payments/&limit=10", as: token))
        transcript.add("a list with a question", try await play.call(.get, "secrets?order=name", as: token))
        transcript.add(
            "remove what has changed",
            try await play.call(.delete, "secrets/payments/stripe", as: token, headers: [("If-Match", "\"1\"")]))
        transcript.add("remove", try await play.call(.delete, "secrets/payments/stripe", as: token))
        transcript.add("show what is gone", try await play.call(.get, "secrets/payments/stripe", as: token))
        try transcript.check()
    }

    @Test("values and their versions")
    func values() async throws {
        let play = try await VaultPlay.start()
        let token = try await play.token(play.keeper)
        try await play.put("payments/stripe", "sk_live_1")
        let path = "payments/stripe"
        var transcript = Transcript("vault-values")
        transcript.add(
            "a new version",
            try await play.call(.put, "values/\(path)", as: token, ["value": "sk_live_2", "if_version": 1]))
        transcript.add(
            "over what has changed",
            try await play.call(.put, "values/\(path)", as: token, ["value": "sk_live_3", "if_version": 1]))
        transcript.add(
            "only as the first",
            try await play.call(.put, "values/\(path)", as: token, ["value": "sk_live_3", "if_version": 0]))
        transcript.add(
            "bytes that are no text", try await play.call(.put, "values/\(path)", as: token, ["value_base64": "AP8="]))
        transcript.add(
            "twice at once",
            try await play.call(.put, "values/\(path)", as: token, ["value": "a", "value_base64": "YQ=="]))
        transcript.add("none", try await play.call(.put, "values/\(path)", as: token, ["if_version": 3]))
        transcript.add("nowhere", try await play.call(.put, "values/payments/none", as: token, ["value": "a"]))
        transcript.add("delete one", try await play.call(.delete, "values/\(path)?version=3", as: token))
        transcript.add("delete it again", try await play.call(.delete, "values/\(path)?version=3", as: token))
        transcript.add("bring it back", try await play.call(.post, "undelete/\(path)", as: token, ["version": 3]))
        transcript.add("erase one", try await play.call(.post, "destroy/\(path)", as: token, ["version": 1]))
        transcript.add(
            "bring back what is erased", try await play.call(.post, "undelete/\(path)", as: token, ["version": 1]))
        transcript.add("without a number", try await play.call(.post, "destroy/\(path)", as: token, ["version": "1"]))
        transcript.add("the versions", try await play.call(.get, "versions/\(path)", as: token))
        try transcript.check()
    }

    @Test("reading")
    func reading() async throws {
        let play = try await VaultPlay.start()
        try await play.put("payments/stripe", "sk_live_1")
        let keeper = try await play.token(play.keeper)
        _ = try await play.call(.put, "values/payments/stripe", as: keeper, ["value_base64": "AP8="])
        let reader = try await play.token(play.reader, task: "invoice-42")
        var transcript = Transcript("vault-reading")
        transcript.add("the current version", try await play.call(.get, "values/payments/stripe", as: reader))
        transcript.add("an earlier one", try await play.call(.get, "values/payments/stripe?version=1", as: reader))
        transcript.add("one that is none", try await play.call(.get, "values/payments/stripe?version=x", as: reader))
        transcript.add(
            "one that is not there", try await play.call(.get, "values/payments/stripe?version=7", as: reader))
        transcript.add("what is it?", try await play.call(.get, "secrets/payments/stripe", as: reader))
        transcript.add("what is there?", try await play.call(.get, "secrets", as: reader))
        let stranger = try await play.token(play.stranger)
        transcript.add("by another agent", try await play.call(.get, "values/payments/stripe", as: stranger))
        transcript.add("what is not there", try await play.call(.get, "values/payments/other", as: reader))
        transcript.add("what is there for another agent?", try await play.call(.get, "secrets", as: stranger))
        try transcript.check()
    }

    @Test("rules and leases")
    func rules() async throws {
        let play = try await VaultPlay.start()
        let token = try await play.token(play.keeper)
        _ = try await play.call(.put, "secrets/payments/stripe", as: token, ["value": "sk_live_1"])
        var transcript = Transcript("vault-rules-and-leases")
        let path = "rules/payments/stripe"
        transcript.add("let an agent in", try await play.call(.post, path, as: token, ["client_id": "reader"]))
        transcript.add(
            "let one in for a user",
            try await play.call(.post, path, as: token, ["client_id": "stranger", "subject": "corp|alice"]))
        transcript.add("let nobody in", try await play.call(.post, path, as: token, ["scope": "secrets:read"]))
        transcript.add("let in who is not there", try await play.call(.post, path, as: token, ["client_id": "none"]))
        let reader = try await play.token(play.reader, task: "invoice-42")
        _ = try await play.call(.get, "values/payments/stripe", as: reader)
        let list = transcript.add(
            "who holds it", try await play.call(.get, "leases?secret=payments/stripe", as: token))
        let lease = try #require(list.json["items"]?.array?.first?.object?["lease_id"]?.string)
        transcript.add("not for the holder to see", try await play.call(.get, "leases", as: reader))
        transcript.add(
            "end the lease", try await play.call(.delete, "leases/\(lease)?reason=wrong%20host", as: token))
        transcript.add("end it again", try await play.call(.delete, "leases/\(lease)", as: token))
        transcript.add("take a rule away", try await play.call(.delete, path + "?client_id=reader", as: token))
        transcript.add("take it away again", try await play.call(.delete, path + "?client_id=reader", as: token))
        transcript.add("take all away", try await play.call(.delete, path, as: token))
        transcript.add("the agent is out", try await play.call(.get, "values/payments/stripe", as: reader))
        try transcript.check()
    }
}
