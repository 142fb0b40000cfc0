import ArgumentParser
import Testing

@testable import CLI

@Suite("The command line")
struct CommandLineTests {
    @Test(
        "every documented line is understood",
        arguments: [
            "init --data ./d --issuer http://127.0.0.1:9000 --root-key ./k",
            "serve --data ./d --listen 127.0.0.1:0 --config c.json --tls-certificate c.pem --tls-key k.pem "
                + "--status-list-ttl 5s --dpop-nonce required",
            "init --data ./d --passphrase-file p",
            "serve --passphrase-file p --allow-core-dumps",
            "serve --passphrase-fd 3",
            "vault status",
            "vault unseal",
            "vault unseal --passphrase-file -",
            "vault seal --output json",
            "vault rotate",
            "vault rekey",
            "vault rekey --root-key k",
            "vault rekey --passphrase-file p --argon2-memory 262144 --argon2-passes 4",
            "vault rekey --passphrase",
            "demo",
            "demo --clean-up --quiet --server http://127.0.0.1:8080",
            "resource create https://a.example --name a",
            "resource create https://a.example --name a --scope r:read r:write --signing-alg Ed25519 --token-ttl 2m "
                + "--kind mcp --include-agent-claim --status-list",
            "resource list --limit 3 --cursor x",
            "resource show https://a.example",
            "resource update a --scope r:read --token-ttl default --no-include-agent-claim",
            "resource update a --require-dpop --no-dpop-nonce",
            "resource disable a",
            "resource enable a",
            "resource delete a",
            "client create Planner",
            "client create Planner --id p --kind gateway --auth private_key_jwt --jwks-uri https://p.example/jwks "
                + "--scope a b --scope c --resource https://a.example --grant client_credentials token_exchange "
                + "--acts-as https://p.example --exchange-scope a=b@https://b.example --workload k8s=sa:default:p "
                + "--tier gold --token-ttl 60s --owner me --purpose 'to plan' --type planner --version 1.2",
            "client list --output json",
            "client show p",
            "client update p --scope a --purpose ''",
            "client update p --no-dpop-bound",
            "client update p --certificate c.pem --jwks-uri ''",
            "client update p --token-ttl 15m",
            "client create Planner --dpop-bound",
            "token issue --client p --secret-file s --dpop-key k.pem",
            "token exchange --subject-token-file t --dpop-key k.pem",
            "client disable p",
            "client enable p --agent-id w1",
            "client delete p",
            "client rotate-secret p --grace 1h",
            "issuer trust https://idp.example --name idp --jwks keys.json --audience a b --subject-claim email",
            "issuer trust https://idp.example --name idp --jwks-uri https://idp.example/keys --allow-private-network",
            "issuer trust --spiffe spiffe://example.org --name mesh --bundle-url https://spire.example/bundle",
            "issuer trust https://k8s.example --kubernetes --name k8s --jwks-file k8s.json --max-token-life 1h",
            "issuer list",
            "issuer show idp",
            "issuer update idp --jwks-uri https://idp.example/keys2",
            "issuer disable idp",
            "issuer enable idp",
            "issuer distrust idp",
            "delegation allow --issuer idp --group g --client p --scope a --resource https://a.example --max-ttl 8h",
            "delegation rules",
            "delegation disallow r1",
            "delegation create --issuer idp --subject alice --client p --scope a --resource https://a.example "
                + "--expires 30d --purpose 'a report' --may-act w v",
            "delegation list --client p --subject alice --status revoked",
            "delegation show d1",
            "delegation narrow d1 --scope a --expires 1d",
            "delegation revoke d1 --reason over",
            "token issue --client p --secret-file s --resource https://a.example --scope a b --task t --session s "
                + "--agent-id w --reason 'a test'",
            "token exchange --subject-token-file t --subject-token-type urn:ietf:params:oauth:token-type:jwt "
                + "--actor-token-file a --actor-token-type access_token --resource https://a.example --audience w "
                + "--scope a --delegation d1 --task t --session s --agent-id w --reason why",
            "token inspect -",
            "token inspect token.jwt --ca ca.pem",
            "token revoke - --client p --secret-file s",
            "revoke subject 'idp|alice' --reason left",
            "revoke token j1",
            "revocations --after 12 --limit 5",
            "receiver create --id siem --endpoint https://siem.example/events --authorization-file h --audience siem "
                + "--event session-revoked credential-change --allow-private-network",
            "receiver create --client board",
            "receiver list",
            "receiver show siem",
            "receiver update siem --authorization-file -",
            "receiver disable siem",
            "receiver enable siem",
            "receiver verify siem --state hello",
            "receiver delete siem",
            "serve --key-rotation 12h",
            "serve --max-connections 5000 --max-connections-per-address 100 --head-timeout 10s --idle-timeout 30s",
            "serve --key-rotation never",
            "key list",
            "key list --all",
            "key rotate --alg RS256",
            "key import k.p12 --passphrase-file p",
            "key import k.pem",
            "key revoke k1",
            "audit list --client p --subject 'idp|alice' --delegation d1 --task p/t --decision deny "
                + "--since 2026-11-21T08:00:00Z",
            "audit list --follow --since 1h --after 7",
            "audit trace j1",
            "audit verify",
            "audit verify --file - --jwks keys.json",
            "audit export --since 24h",
        ])
    func documented(line: String) throws {
        #expect(throws: Never.self) { try Legate.parseAsRoot(words(line)) }
    }

    @Test(
        "what is wrong with the line itself exits 2 and says so",
        arguments: [
            "nonsense",
            "client nonsense",
            "client create",
            "client create x --kind dragon",
            "client create x --auth none",
            "client create x --grant password",
            "client create x --exchange-scope a=b",
            "client create x --exchange-scope a@https://b.example",
            "client create x --workload nobody",
            "client create x --jwks a --jwks-uri https://a.example",
            "client create x --token-ttl 60",
            "client create x --token-ttl 20m",
            "client update x --token-ttl 0s",
            "resource update x --token-ttl 901s",
            "client create x --certificate a --jwks b",
            "client create x --certificate a --jwks-uri https://a.example",
            "client list --nonsense",
            "client list --limit 0",
            "client rotate-secret x --grace soon",
            "resource create https://x.example",
            "resource create https://x.example --name x --signing-alg HS256",
            "receiver create --id x",
            "delegation list --status nonsense",
            "delegation create --issuer i --subject s --client c --scope a",
            "delegation allow --issuer i --group g --subject s --client c --scope a --resource https://a.example",
            "token issue --client p",
            "token issue --secret-file s",
            "token exchange",
            "token exchange --subject-token-file t --subject-token-type saml",
            "token exchange --subject-token-file t --actor-token-file a",
            "token exchange --subject-token-file - --client p --secret-file -",
            "revoke nonsense x",
            "revocations --after then",
            "audit list --since yesterday",
            "audit list --decision maybe",
            "audit list --follow --limit 3",
            "audit verify --jwks k",
            "client show x --output yaml",
        ])
    func usage(line: String) throws {
        let outcome = try outcome(line)
        #expect(outcome.code == 2)
        #expect(outcome.text.contains("Usage: legate"))
    }

    @Test("a lifetime out of bounds is refused in the words of the option")
    func lifetime() throws {
        for line in ["client create x --token-ttl 20m", "resource update x --token-ttl 20m"] {
            #expect(try outcome(line).text.contains("--token-ttl must be a duration from 1s to 15m, or default"))
        }
    }

    @Test("a list flag takes several values and may repeat")
    func lists() throws {
        let command: ClientCommand.Create = try parsed("client create x --scope a b --owner me --scope c")
        #expect(command.settings.scope == ["a", "b", "c"])
    }

    @Test("every command has a help screen with an example")
    func help() {
        var commands: [any ParsableCommand.Type] = [Legate.self]
        var count = 0
        while let command = commands.popLast() {
            count += 1
            commands += command.configuration.subcommands
            #expect(!command.configuration.abstract.isEmpty, "\(command)")
            #expect(command.configuration.discussion.contains("Example:\n  legate"), "\(command)")
        }
        #expect(count > 45)
    }

    @Test(
        "--help exits 0 and goes to standard output",
        arguments: [
            "--help", "client --help", "client create --help", "delegation allow --help", "audit trace --help",
            "help token issue",
        ])
    func helpOutcome(line: String) throws {
        do {
            // The command `help` throws only when it runs.
            var command = try Legate.parseAsRoot(words(line))
            try command.run()
            Issue.record("no help for \(line)")
        } catch {
            let outcome = Outcome(of: error)
            #expect(outcome.code == 0)
            #expect(outcome.text.contains("USAGE: legate"))
        }
    }

    @Test("there is shell completion for every shell, down to the last command", arguments: ["bash", "zsh", "fish"])
    func completion(shell: String) throws {
        let script = Legate.completionScript(for: try #require(CompletionShell(rawValue: shell)))
        #expect(script.contains("rotate-secret"))
        #expect(script.contains("subject-token-file"))
    }
}
