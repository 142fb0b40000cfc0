import JOSE
import Synchronization
import Testing

@testable import CLI

@Suite("The guided tour")
struct TourTests {
    /// Runs a tour without a server and gives back what it wrote.
    private func tour(_ body: (Tour) async throws -> Void) async throws -> (text: String, tour: Tour) {
        let profile = try Profile.find(server: "http://127.0.0.1:1", environment: [:]) { _ in nil }
        return try await Transport.with(certificateAuthority: nil) { transport in
            let written = Mutex("")
            let tour = Tour(
                server: AdminClient(profile: profile, transport: transport), paint: Paint(isEnabled: false),
                isQuiet: false, write: { text in written.withLock { $0 += text } })
            try await body(tour)
            return (written.withLock { $0 }, tour)
        }
    }

    @Test("a step that does what it says counts as ok")
    func ok() async throws {
        let (text, tour) = try await tour { tour in
            try await tour.step("Something is so.") { try tour.expect(true, "it is") }
        }
        #expect(text == "\n1. Something is so.\n   ✓ it is\n")
        #expect(tour.summary == "1 steps, 1 ok")
        #expect(tour.failures == 0)
    }

    @Test("a step that expects in vain is counted once, and the tour goes on")
    func expectedInVain() async throws {
        let (text, tour) = try await tour { tour in
            try await tour.step("First.") {
                try tour.expect(false, "one")
                try tour.expect(false, "two")
            }
            try await tour.step("Second.") { try tour.expect(true, "three") }
        }
        #expect(tour.summary == "2 steps, 1 ok")
        #expect(text.contains("✗ this should be so, but is not: one"))
        #expect(text.contains("2. Second."))
    }

    @Test("a step that fails stops the tour and says why")
    func fails() async throws {
        let (text, tour) = try await tour { tour in
            await #expect(throws: Tour.Stopped.self) {
                try await tour.step("First.") { throw CommandFailure("no") }
            }
        }
        #expect(tour.summary == "1 steps, 0 ok")
        #expect(text.contains("✗ no"))
    }

    @Test("an answer is shown without tokens, secrets and empty members")
    func excerpt() {
        let answer: JSON = [
            "access_token": "eyJhbGciOi.x.y", "client_secret": "s3cret", "jwks": ["keys": []], "tier": nil,
            "grants": [], "scopes": ["a", "b"], "act": ["sub": "p", "token": "eyJx"],
        ]
        #expect(
            Excerpt(answer).text == """
                {
                  "access_token": "eyJ…",
                  "client_secret": "…",
                  "jwks": "…",
                  "scopes": ["a", "b"],
                  "act": {"sub": "p", "token": "eyJ…"}
                }
                """)
        #expect(Excerpt(["a": 1, "b": 2], only: ["b"]).text == #"{"b": 2, …}"#)
        #expect(Excerpt(["a": 1], only: ["a"]).text == #"{"a": 1}"#)
    }

    @Test("a command can be pasted: quoted where needed, variables alive, broken before its options")
    func shell() {
        #expect(Shell.command(["legate", "client", "show", "p"]) == "legate client show p")
        #expect(Shell.word("it's 5") == #"'it'\''s 5'"#)
        #expect(Shell.word("") == "''")
        #expect(Shell.word("token=$TOKEN") == #""token=$TOKEN""#)
        #expect(Shell.word("a;b") == "'a;b'")
        #expect(Shell.word("$(rm x)") == "'$(rm x)'")
        let long = [
            "legate", "client", "create", "A planner", "--id", String(repeating: "x", count: 90), "--scope", "a", "b",
        ]
        #expect(
            Shell.command(long) == """
                legate client create 'A planner' \\
                    --id \(String(repeating: "x", count: 90)) \\
                    --scope a b
                """)
    }

    @Test("colour is written only when it is wanted")
    func paint() {
        #expect(Paint(isEnabled: false).good("x") == "x")
        #expect(Paint(isEnabled: true).good("x") == "\u{1B}[32mx\u{1B}[0m")
    }
}
