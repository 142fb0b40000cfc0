import JOSE
import OAuth
import Testing

@testable import CLI

@Suite("What is sent to the admin API")
struct DocumentTests {
    @Test("a client has the documented defaults")
    func clientDefaults() throws {
        let command: ClientCommand.Create = try parsed("client create 'A planner'")
        #expect(
            try command.document() == [
                "name": "A planner", "kind": "agent", "auth": "client_secret_basic", "grants": ["client_credentials"],
            ])
    }

    @Test("every flag of client create becomes its member")
    func client() throws {
        let command: ClientCommand.Create = try parsed(
            "client create P --id p --kind gateway --auth workload --scope a b --resource https://a.example "
                + "--grant token_exchange --acts-as https://p.example --exchange-scope a=b@https://b.example "
                + "--workload k8s=sa:x=y --tier gold --token-ttl 2m --owner me --purpose 'to plan' --type planner "
                + "--version 1.2")
        #expect(
            try command.document() == [
                "name": "P", "kind": "gateway", "auth": "workload", "grants": ["token_exchange"], "client_id": "p",
                "scopes": ["a", "b"], "resources": ["https://a.example"], "acts_as": "https://p.example",
                "exchange_scopes": [.object(["from": "a", "to": "b", "resource": "https://b.example"])],
                "workloads": [.object(["issuer": "k8s", "subject": "sa:x=y"])], "tier": "gold", "token_ttl": 120,
                "owner": "me", "purpose": "to plan", "type": "planner", "version": "1.2",
            ])
    }

    @Test("an update holds only what was given; an empty value takes away")
    func updates() throws {
        let nothing: ClientCommand.Update = try parsed("client update p")
        #expect(try nothing.document() == [:])
        let some: ClientCommand.Update = try parsed(
            "client update p --purpose '' --scope '' --acts-as '' --token-ttl default --owner me")
        #expect(
            try some.document() == ["purpose": nil, "scopes": [], "acts_as": nil, "token_ttl": nil, "owner": "me"])
        let keys: ClientCommand.Update = try parsed("client update p --jwks-uri https://p.example/k")
        #expect(try keys.document() == ["jwks_uri": "https://p.example/k", "jwks": nil])
    }

    @Test("a resource is created and changed with the same flags")
    func resource() throws {
        let create: ResourceCommand.Create = try parsed(
            "resource create https://a.example --name a --scope x y --signing-alg RS256 --token-ttl 90s --kind mcp "
                + "--include-agent-claim --check-audit count --status-list")
        #expect(
            try create.document() == [
                "resource": "https://a.example", "name": "a", "scopes": ["x", "y"], "signing_alg": "RS256",
                "token_ttl": 90, "kind": "mcp", "check_audit": "count", "include_agent_claim": true,
                "status_list": true,
            ])
        let plain: ResourceCommand.Create = try parsed("resource create https://a.example --name a")
        #expect(try plain.document() == ["resource": "https://a.example", "name": "a"])
        let update: ResourceCommand.Update = try parsed(
            "resource update a --no-include-agent-claim --check-audit all --no-status-list "
                + "--no-require-authorization-details --authorization-details-type ''")
        #expect(
            try update.document() == [
                "check_audit": "all", "include_agent_claim": false, "status_list": false,
                "require_authorization_details": false, "authorization_details_types": [],
            ])
    }

    @Test("a receiver")
    func receiver() throws {
        let create: ReceiverCommand.Create = try parsed(
            "receiver create --id siem --endpoint https://siem.example/e --client board --audience x "
                + "--event session-revoked --allow-private-network")
        #expect(
            try create.document() == [
                "receiver_id": "siem", "endpoint": "https://siem.example/e", "client_id": "board", "audience": "x",
                "events": ["session-revoked"], "allow_private_network": true,
            ])
        let update: ReceiverCommand.Update = try parsed("receiver update siem --no-allow-private-network")
        #expect(try update.document() == ["allow_private_network": false])
        #expect(ReceiverCommand.path("a/b") == "event-receivers/a%2Fb")
    }

    @Test("a name in a path is one segment")
    func paths() {
        #expect(ResourceCommand.path("https://a.example/x y") == "resources/https%3A%2F%2Fa.example%2Fx%20y")
        #expect(ClientCommand.path("../keys") == "clients/..%2Fkeys")
    }

    @Test("rules and delegations")
    func delegations() throws {
        let allow: DelegationCommand.Allow = try parsed(
            "delegation allow --issuer idp --group g --client p --scope a --resource https://a.example --max-ttl 8h")
        #expect(
            try allow.document() == [
                "issuer": "idp", "client_id": "p", "group": "g", "scopes": ["a"], "resources": ["https://a.example"],
                "max_ttl": 28_800,
            ])
        let create: DelegationCommand.Create = try parsed(
            "delegation create --issuer idp --subject alice --client p --scope a --resource https://a.example "
                + "--expires 30d --purpose report --may-act w v")
        #expect(
            try create.document() == [
                "issuer": "idp", "subject": "alice", "client_id": "p", "scopes": ["a"],
                "resources": ["https://a.example"], "expires_in": 2_592_000, "purpose": "report",
                "may_act": ["w", "v"],
            ])
        let narrow: DelegationCommand.Narrow = try parsed("delegation narrow d --expires 1h")
        #expect(try narrow.document(at: .init(seconds: 1_795_244_310)) == ["expires_at": "2026-11-21T07:58:30Z"])
    }

    @Test("filters of lists are the admin API's parameters")
    func filters() throws {
        let delegations: DelegationCommand.List = try parsed("delegation list --client p --status active")
        #expect(given(delegations.query) == ["client_id=p", "status=active"])
        let audit: AuditList = try parsed(
            "audit list --client p --subject 'i|s' --delegation d --task p/t --decision deny "
                + "--since 2026-11-21T08:00:00Z")
        #expect(
            given(audit.query) == [
                "client_id=p", "subject=i|s", "delegation_id=d", "task_id=p/t", "decision=deny",
                "since=2026-11-21T08:00:00Z",
            ])
    }

    @Test("a token request is the form of the RFCs")
    func tokenForm() throws {
        let issue: TokenIssue = try parsed(
            "token issue --resource https://a.example --scope a b --task t --session s --agent-id w --reason 'a test'")
        #expect(
            try given(issue.form()) == [
                "grant_type=client_credentials", "resource=https://a.example", "scope=a b", "task_id=t",
                "session_id=s", "agent_id=w", "reason=a test",
            ])
        let bare: TokenIssue = try parsed("token issue")
        #expect(try given(bare.form()) == ["grant_type=client_credentials"])
    }

    @Test("the type of a token may be its last word or the whole URI")
    func tokenTypes() {
        let uri = "urn:ietf:params:oauth:token-type:id_token"
        #expect(TokenTypeArgument(argument: "id_token")?.uri == uri)
        #expect(TokenTypeArgument(argument: uri)?.uri == uri)
        #expect(TokenTypeArgument(argument: "saml") == nil)
    }

    @Test("a scope mapping is cut where the resource begins, whatever the scope looks like")
    func scopeMappings() {
        let plain = ScopeMappingArgument(argument: "r=w@https://b.example")
        #expect(plain?.from == "r" && plain?.to == "w" && plain?.resource == "https://b.example")
        let odd = ScopeMappingArgument(argument: "r=https://s@t@https://b.example/@x")
        #expect(odd?.to == "https://s@t" && odd?.resource == "https://b.example/@x")
        #expect(ScopeMappingArgument(argument: "=w@https://b.example") == nil)
        #expect(ScopeMappingArgument(argument: "r=@https://b.example") == nil)
        #expect(ScopeMappingArgument(argument: "r=w@b") == nil)
    }

    private func given(_ pairs: [(name: String, value: String?)]) -> [String] {
        pairs.compactMap { pair in pair.value.map { "\(pair.name)=\($0)" } }
    }

    private func given(_ pairs: [(name: String, value: String)]) -> [String] {
        pairs.map { "\($0.name)=\($0.value)" }
    }
}
