import ArgumentParser
import JOSE
import Testing

@testable import CLI

@Suite("How the process ends")
struct OutcomeTests {
    @Test("a refusal by the server exits 1 with one line that names the fields")
    func problem() {
        let problem = """
            {"type":"urn:legate:problem:invalid-document","title":"Bad Request","status":400,"detail":"two things",
             "errors":[{"field":"scopes","detail":"no such scope: y"},{"field":"owner","detail":"is too long"}]}
            """
        let outcome = Outcome(of: ServerRefusal(status: 400, body: Array(problem.utf8)))
        #expect(outcome == Outcome(code: 1, text: "legate: scopes: no such scope: y; owner: is too long"))
    }

    @Test("a problem without fields is told by its detail, a fault of the server with its request")
    func detail() {
        let missing = ServerRefusal(status: 404, body: Array(#"{"status":404,"detail":"no such client: x"}"#.utf8))
        #expect(missing.description == "no such client: x")
        let fault = ServerRefusal(
            status: 500, body: Array(#"{"status":500,"detail":"our fault","request_id":"r1"}"#.utf8))
        #expect(fault.description == "our fault (request r1)")
        #expect(ServerRefusal(status: 502, body: Array("<html>".utf8)).description == "the server answered 502")
    }

    @Test("an OAuth error is told with its code")
    func oauth() {
        let body = #"{"error":"invalid_scope","error_description":"the client does not have: x"}"#
        let refusal = ServerRefusal(status: 400, body: Array(body.utf8))
        #expect(refusal.code == "invalid_scope")
        #expect(Outcome(of: refusal).text == "legate: invalid_scope: the client does not have: x")
    }

    @Test("a failure exits 1, on one line, without anything that steers a terminal")
    func failure() {
        let outcome = Outcome(of: CommandFailure("first\nsecond \u{1B}[31mred"))
        #expect(outcome.code == 1)
        #expect(outcome.text == "legate: first\u{FFFD}second \u{FFFD}[31mred")
    }

    @Test("bad configuration exits 1 and names the field")
    func configuration() {
        #expect(
            Outcome(of: ConfigurationError("issuer", "must be https"))
                == Outcome(code: 1, text: "legate: issuer: must be https"))
    }

    @Test("usage exits 2, wherever it is found out")
    func usage() throws {
        #expect(Outcome(of: ValidationError("--a needs --b")).code == 2)
        #expect(try outcome("client show").code == 2)
    }

    @Test("a reader that has gone is not told about it")
    func closed() {
        #expect(Outcome(of: OutputClosed()) == Outcome(code: 1, text: ""))
    }

    @Test("an audit trail that is not whole is shown, and exits 1")
    func audit() {
        let broken = AuditVerify.answer([
            "valid": false, "records": 9, "first_bad": 5, "problem": "Record 5 was altered.",
        ])
        #expect(broken.json == ["valid": false, "records": 9, "first_bad": 5, "problem": "Record 5 was altered."])
        #expect(
            broken.failure == "the audit trail is not whole: Record 5 was altered. (first bad record: 5)")
        #expect(AuditVerify.answer(["valid": true, "records": 9, "first_bad": nil]).failure == nil)
        #expect(AuditVerify.answer([:]).failure != nil, "no verdict is no clean bill")
    }
}
