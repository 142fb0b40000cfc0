import ArgumentParser
import JOSE
import Testing

@testable import CLI

@Suite("legate connection")
struct ConnectionCommandTests {
    private let name = "users/alice/github"
    private let provider = [
        "--authorization-endpoint", "https://p.example/authorize", "--token-endpoint", "https://p.example/token",
        "--client-id", "legate",
    ]

    @Test("what is said of the provider becomes the body of the start")
    func start() throws {
        let more = [
            "--scope", "repo", "user", "--parameter", "access_type=offline", "prompt=a=b", "--owner", "corp|alice",
            "--client-auth", "none", "--allow-private-network",
        ]
        let body = try ConnectionStart.parse([name] + provider + more).body()
        let expected: JSONObject = [
            "provider": [
                "authorization_endpoint": "https://p.example/authorize", "token_endpoint": "https://p.example/token",
                "client_id": "legate", "client_auth": "none", "scopes": ["repo", "user"],
                "authorization_parameters": ["access_type": "offline", "prompt": "a=b"],
            ],
            "owner": "corp|alice", "allow_private_network": true,
        ]
        #expect(body == expected)
    }

    @Test("a start that says nothing connects the same account again")
    func again() throws {
        #expect(try ConnectionStart.parse([name]).body().isEmpty)
    }

    @Test("half a provider is no provider", arguments: [0, 2, 4])
    func half(_ from: Int) {
        #expect(throws: (any Error).self) { try ConnectionStart.parse([name] + provider[from..<(from + 2)]) }
    }

    @Test("a parameter has a name and a value, and a name has the form of a secret's")
    func mistakes() {
        #expect(throws: (any Error).self) { try ConnectionStart.parse([name] + provider + ["--parameter", "x"]) }
        #expect(throws: (any Error).self) { try ConnectionStart.parse(["../x"]) }
        #expect(throws: (any Error).self) { try ConnectionFinish.parse([name]) }
    }
}
