import JOSE
import Testing

@testable import CLI

@Suite("Tables")
struct TableTests {
    @Test("columns are as wide as their widest cell, and the last one is not padded")
    func list() {
        let items: [JSON] = [
            ["name": "a", "scopes": ["x:read", "x:write"], "enabled": true],
            ["name": "longer", "scopes": [], "enabled": false],
        ]
        let text = Table.list(
            items, [.init("NAME", "name"), .init("ENABLED", "enabled"), .init("SCOPES", "scopes")])
        #expect(
            text == """
                NAME    ENABLED  SCOPES
                a       yes      x:read x:write
                longer  no       -
                """)
    }

    @Test("a card leaves out what has no value and names the keys of a key set")
    func card() {
        let json: JSON = [
            "client_id": "p", "tier": nil, "workloads": [], "token_ttl": 60,
            "jwks": ["keys": [["kid": "k1", "kty": "EC"], ["kid": "k2", "kty": "EC"]]],
        ]
        #expect(
            Table.card(json) == """
                client_id  p
                token_ttl  60
                jwks       k1 k2
                """)
    }

    @Test("below the state of the vault stands what is sealed under each term")
    func vault() {
        let json: JSON = [
            "sealed": false,
            "terms": [
                ["term": 1, "created_at": "2026-01-01T00:00:00Z", "active": false, "boxes": 0, "boxes_by_table": [:]],
                [
                    "term": 2, "created_at": "2026-02-01T00:00:00Z", "active": true, "boxes": 3,
                    "boxes_by_table": ["signing_keys": 1, "secret_versions": 2],
                ],
            ],
        ]
        #expect(
            Answer.vault(json).text == """
                sealed  no

                TERM  CREATED               ACTIVE  BOXES  SEALED
                1     2026-01-01T00:00:00Z  no      0      -
                2     2026-02-01T00:00:00Z  yes     3      signing_keys 1, secret_versions 2
                """)
    }

    @Test("the list of keys tells which were brought")
    func keys() {
        let items: [JSON] = [["kid": "a", "status": "active"], ["kid": "b", "status": "next", "origin": "imported"]]
        let lines = Table.list(items, KeyCommand.columns).split(separator: "\n")
        #expect(lines.map { $0.split(separator: " ").last } == ["ORIGIN", "made", "imported"])
    }

    @Test("an empty list still has its heads")
    func empty() {
        #expect(Table.list([], [.init("NAME", "name"), .init("KIND", "kind")]) == "NAME  KIND")
    }

    @Test("nothing from a server steers the terminal")
    func printable() {
        #expect(
            Printable.text("a\u{1B}[2Jb\r\nc\u{9B}d\u{202E}e") == "a\u{FFFD}[2Jb\u{FFFD}\u{FFFD}c\u{FFFD}d\u{FFFD}e")
        #expect(Printable.text("grüße 🙂 “x”") == "grüße 🙂 “x”")
        #expect(!Table.card(["reason": "x\u{1B}[31m"]).contains("\u{1B}"))
        #expect(!Table.list([["reason": "x\u{1B}[31m"]], [.init("R", "reason")]).contains("\u{1B}"))
    }

    @Test("a page that is not the last says how to go on, apart from the answer")
    func note() {
        let page: JSON = ["items": [["name": "a"]], "next": "c1"]
        let answer = Answer.list(page, [.init("NAME", "name")])
        #expect(answer.json == page)
        #expect(answer.note == "more follow: --cursor c1")
        #expect(Answer.list(["items": [], "next": nil], [.init("NAME", "name")]).note == nil)
    }

    @Test("an audit record in words says what, on what, and why not")
    func audit() {
        #expect(
            AuditText.what([
                "decision": "deny", "resource": "https://a.example", "request_context": "a test",
                "policy_evaluation": ["verdict": "deny", "rule": "scope", "reason": "the client does not have: x"],
            ]) == "https://a.example the client does not have: x “a test”")
        #expect(AuditText.what(["decision": "allow", "target": "client/p"]) == "client/p")
        #expect(AuditText.what(["decision": "allow"]) == "-")
    }
}
