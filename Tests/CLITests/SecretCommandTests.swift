import ArgumentParser
import Foundation
import JOSE
import OAuth
import Testing
import Vault

@testable import CLI

@Suite("Commands for secrets")
struct SecretCommandTests {
    @Test(
        "every documented line is understood",
        arguments: [
            "secret put payments/stripe --from-file stripe.key --reader planner worker",
            "secret put payments/stripe --from-file - --if-version 3 --verbatim",
            "secret put db/password --kind generated --rotate-every 12h --grace 1h --reader planner "
                + "--rotation-webhook https://db.example/rotated --rotate-on-revoked-lease "
                + "--allow-private-network --length 48",
            "secret put clients/planner --kind client --client planner --reader planner",
            "secret put stripe --resource https://api.stripe.example --inject-header Authorization "
                + "--inject-format 'Bearer {secret}' --lease 10m --description 'a key'",
            "secret get payments/stripe --client planner --secret-file s --task t --session s --agent-id a --reason why",
            "secret get payments/stripe --token-file - --version 2 --json", "secret get payments/stripe --wrap 5m",
            "secret list --prefix payments/ --limit 3 --cursor x", "secret show payments/stripe",
            "secret versions payments/stripe", "secret delete payments/stripe --version 1",
            "secret undelete payments/stripe --version 1", "secret destroy payments/stripe --version 1",
            "secret remove payments/stripe", "secret allow payments/stripe --reader a b --scope s",
            "secret allow users/alice --subject 'corp|alice' --door https://api.example",
            "secret disallow payments/stripe --reader a", "secret disallow payments/stripe --rule rule_1",
            "secret leases", "secret leases payments/stripe --output json", "secret revoke-lease lease_1 --reason why",
            "secret rotate db/password", "secret unwrap -",
        ])
    func documented(line: String) throws {
        #expect(throws: Never.self) { try Legate.parseAsRoot(words(line)) }
    }

    @Test(
        "what is wrong with the line itself exits 2",
        arguments: [
            "secret put", "secret put a//b", "secret put ../admin", "secret put a/", "secret put x value",
            "secret put x --if-version -1", "secret put x --client c", "secret put x --kind client",
            "secret put x --kind magic", "secret put x --kind oauth --from-file f",
            "secret put x --inject-format '{secret}'", "secret put x --grace soon", "secret get x --version 0",
            "secret get x --wrap 5", "secret get x --token-file t --client c --secret-file s",
            "secret get x --token-file t --task t", "secret undelete x", "secret destroy x --version 0",
            "secret allow x", "secret disallow x", "secret revoke-lease",
        ])
    func usage(line: String) throws {
        #expect(try outcome(line).code == 2, "\(line)")
    }

    @Test("what is said of a secret becomes its members, and an empty value takes away")
    func settings() throws {
        let all: SecretPut = try parsed(
            "secret put x --description d --resource https://a.example --lease 5m --rotate-every 1d --grace 1h "
                + "--rotation-webhook https://w.example --no-rotate-on-revoked-lease --allow-private-network "
                + "--length 48 --inject-header X-Key --inject-format 'k {secret}'")
        var document = JSONObject()
        all.settings.set(in: &document)
        #expect(
            document == [
                "description": "d", "resource": "https://a.example", "lease_ttl": 300,
                "rotation": [
                    "every": 86_400, "grace": 3600, "length": 48, "webhook": "https://w.example",
                    "allow_private_network": true, "on_revoked_lease": false,
                ], "injection": ["header": "X-Key", "format": "k {secret}"],
            ])
        let none: SecretPut = try parsed("secret put x --description '' --resource '' --inject-header ''")
        document = [:]
        none.settings.set(in: &document)
        #expect(document == ["description": nil, "resource": nil, "injection": nil])
    }

    @Test("a refused name says what a name is", arguments: ["put payments//x", "leases ../x", "rotate a/"])
    func names(line: String) throws {
        let outcome = try outcome("secret \(line)")
        #expect(outcome.code == 2)
        #expect(outcome.text.contains("is invalid for '<name>': must be \(SecretName.form)"))
    }

    @Test("a new secret that makes its values itself has one, or the command says why not and fails")
    func firstValue() throws {
        let name = try #require(SecretNameArgument(argument: "db/new"))
        let rules: JSON = [["client_id": "planner"]]
        func made(_ members: JSONObject) -> Answer {
            var document: JSONObject = ["kind": "generated", "client_id": nil, "rules": rules, "current_version": nil]
            for member in members.members { document[member.name] = member.value }
            return SecretPut.answer(made: .object(document), as: name)
        }
        let refused = made(["rotation": [:], "rotation_state": ["reason": "the webhook answered 500"]])
        #expect(refused.failure == "db/new has no value yet: the webhook answered 500")
        #expect(refused.json?.object?["rotation_state"]?.object?["reason"] == "the webhook answered 500")
        #expect(made(["rotation": [:], "rotation_state": nil]).failure == "db/new has no value yet: it is tried again")
        let good = made(["rotation": [:], "current_version": 1])
        #expect(good.failure == nil && good.note == nil)
        #expect(made(["kind": "oauth", "rotation": nil]).failure == nil, "its value comes with the connection")
        let closed = made(["rotation": nil, "rules": [], "current_version": 1])
        #expect(closed.note == "nobody may read it yet: legate secret allow db/new")
    }

    @Test("of a client whose secret is kept now, the command says when the one before ends")
    func clientSecret() throws {
        let name = try #require(SecretNameArgument(argument: "clients/planner"))
        let made: JSONObject = [
            "kind": "client", "client_id": "planner", "rules": [["client_id": "planner"]], "rotation": [:],
            "current_version": 1,
        ]
        var graceful = made
        graceful["previous_secret_expires_at"] = "2026-11-21T13:00:00Z"
        #expect(
            SecretPut.answer(made: .object(graceful), as: name).note
                == "the secret that planner had until now works until 2026-11-21T13:00:00Z")
        #expect(
            SecretPut.answer(made: .object(made), as: name).note == "the secret that planner had until now has ended")
    }

    @Test("the example of planting in a file writes the value alone")
    func planting() {
        let lines = SecretPlant.configuration.discussion.split(separator: "\n").filter { $0.contains(">") }
        #expect(lines.map { $0.contains("| jq -r .value > ") } == [true])
    }

    @Test("one rule for each client, or one for whoever acts for the user")
    func rules() throws {
        let clients: SecretAllow = try parsed("secret allow x --reader a b --subject 'corp|alice' --scope s")
        #expect(
            clients.rules == [
                ["client_id": "a", "subject": "corp|alice", "scope": "s"],
                ["client_id": "b", "subject": "corp|alice", "scope": "s"],
            ])
        let user: SecretAllow = try parsed("secret allow x --subject 'corp|alice' --door https://api.example")
        #expect(user.rules == [["subject": "corp|alice", "resource": "https://api.example"]])
    }

    @Test(
        "one line end after a value is not meant, unless it is",
        arguments: [
            ("key\n", "key", "key\n"), ("key\r\n", "key", "key\r\n"), ("key", "key", "key"),
            ("two\nlines\n\n", "two\nlines\n", "two\nlines\n\n"), (" key ", " key ", " key "),
        ])
    func lineEnds(content: String, usual: String, verbatim: String) throws {
        let file = NSTemporaryDirectory() + "legate-value-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try Data(content.utf8).write(to: URL(fileURLWithPath: file))
        for (flag, expected) in [("", usual), (" --verbatim", verbatim)] {
            let command: SecretPut = try parsed("secret put x --from-file \(file)\(flag)")
            let value = try command.source.value(of: command.name, isWanted: true)
            #expect(value == Secret(Array(expected.utf8)))
        }
    }

    @Test("a value is sent as text when it is text, else as base64, and comes back to the byte")
    func encoding() throws {
        var body = JSONObject()
        body.set(Secret(Array("ümlaut".utf8)))
        #expect(body == ["value": "ümlaut"])
        body = [:]
        body.set(Secret([0, 255]))
        #expect(body == ["value_base64": "AP8="])
        #expect(try ReleasedValue.bytes(of: ["value": "AP8=", "encoding": "base64"]) == [0, 255])
        #expect(try ReleasedValue.bytes(of: ["value": "AP8=", "encoding": "utf8"]) == Array("AP8=".utf8))
        #expect(try ReleasedValue.bytes(of: ["reference": "r"]) == Array("r".utf8))
        for bad: JSON in [
            [:], ["value": "x"], ["value": "?", "encoding": "base64"], ["value": "x", "encoding": "y"], nil,
        ] {
            #expect(throws: CommandFailure.self) { try ReleasedValue.bytes(of: bad) }
        }
    }

    @Test("each API is asked with a token for itself")
    func resources() throws {
        let server = try #require(IssuerURL("https://auth.example.com/tenant"))
        #expect(OwnAPI.admin.resource(of: server) == "https://auth.example.com/tenant/admin")
        #expect(OwnAPI.vault.resource(of: server) == "https://auth.example.com/tenant/vault")
    }
}
