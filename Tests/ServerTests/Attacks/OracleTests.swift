import Foundation
import HTTPTypes
import JOSE
import OAuth
import Revocations
import Server
import Support
import Testing
import Vault

/// The hope: answers, their headers or the log tell a stranger what exists, or hand out a secret (RFC 9700 section
/// 4.2.4).
@Suite("Attack: oracles")
struct OracleTests {
    private func shape(_ answer: HTTPExchange) -> String {
        let headers = answer.headers.filter { $0.name.canonicalName != "x-request-id" }.map {
            "\($0.name): \($0.value)"
        }
        return "\(answer.status)\n\(headers.joined(separator: "\n"))\n\(answer.answer.text)"
    }

    @Test("an unknown client, a wrong secret and a client without one answer to the letter alike")
    func clients() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let form = Form([("grant_type", "client_credentials"), ("resource", World.calendar.text)])
        for proof in [Party.Proof.basic("wrong"), .post("wrong")] {
            var shapes: Set<String> = []
            for id in ["planner", "signer", "runner", "nobody"] {
                shapes.insert(shape(try await http.post("/token", form, as: Party(World.id(id), proof))))
            }
            #expect(shapes.count == 1, "\(shapes)")
        }
    }

    @Test("a dead, a foreign and an invented token answer to the letter alike")
    func tokens() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let revoked = try await kit.token(kit.planner)
        try await kit.end(.token, revoked.token.identity.jti)
        let invisible = try await kit.token(kit.planner, for: World.tools).accessToken
        var shapes: Set<String> = []
        for token in [revoked.accessToken, invisible, "x", "a.b.c"] {
            shapes.insert(shape(try await http.post("/introspect", Form([("token", token)]), as: kit.gateway)))
        }
        #expect(shapes.count == 1)
    }

    @Test("neither the log nor the trail holds a secret, a token or a query")
    func logs() async throws {
        let kit = try await LegateKit.start()
        let file = NSTemporaryDirectory() + "legate-log-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: file) }
        _ = FileManager.default.createFile(atPath: file, contents: nil)
        let handle = try #require(FileHandle(forWritingAtPath: file))
        let sink = LogSink(descriptor: handle.fileDescriptor)
        let http = try kit.http(sink: sink)
        try await kit.delegate(to: kit.planner)
        let subject = try kit.corp.token(audience: kit.issuer)
        let secret = try #require(kit.planner.secret)
        let exchange = Form([
            ("grant_type", GrantType.tokenExchange.rawValue), ("subject_token", subject),
            ("subject_token_type", TokenType.idToken.rawValue),
            ("resource", World.calendar.text),
        ])
        let token = try #require(try await http.post("/token", exchange, as: kit.planner).json["access_token"]?.string)
        _ = try await http.post("/token", exchange, as: kit.planner.with(.post(secret)))
        _ = try await http.post("/token", exchange, as: kit.worker)
        _ = try await http.post("/introspect", Form([("token", token)]), as: kit.gateway)
        _ = try await http.get("/health/live?access_token=\(token)")
        _ = try await http.get("/admin/clients?hush=\(secret)", headers: [("Authorization", "Bearer \(token)")])
        let admin = try await kit.adminToken()
        let made = try await http.admin(.post, "/admin/clients", token: admin, ["name": "New"])
        let fresh = try #require(made.json["client_secret"]?.string)
        sink.flush()
        try handle.close()

        let log = try String(contentsOfFile: file, encoding: .utf8)
        #expect(log.split(separator: "\n").count == 7)
        var trail = ""
        for record in try await kit.records() { trail += record.json.text + "\n" }
        for hidden in [secret, fresh, token, subject, admin, "hush", "access_token=", Form.basic("planner", secret)] {
            #expect(!log.contains(hidden))
            #expect(!trail.contains(hidden))
        }
        #expect(log.contains(#""client_id":"planner""#))
        #expect(log.contains(#""route":"token""#))
    }

    @Test("what breaks on our side says nothing but where to look")
    func internalError() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        try await kit.update(.resource, "calendar", ["signing_alg": "Ed25519"])
        for (held, _) in kit.server.keys.all(at: kit.clock.time) where held.stored.algorithm == "Ed25519" {
            try await kit.end(.key, held.stored.keyID)
        }
        kit.store.fail(true)
        let answer = try await http.post(
            "/token", Form([("grant_type", "client_credentials"), ("resource", World.calendar.text)]), as: kit.planner)
        #expect(answer.status == 503)
        #expect(!answer.answer.text.contains("DiskIsGone"))
        #expect(answer.headers[.retryAfter] == "1")
    }
}
