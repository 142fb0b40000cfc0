import ArgumentParser
import Foundation
import JOSE
import OAuth

/// `legate demo`
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A guided tour of a running server, with real requests.",
        discussion: """
            Example:
              legate demo
              LEGATE_PROFILE=data/admin.json legate demo --server http://127.0.0.1:8080

            It registers two resources, four agents, an identity provider and a secret under names of its own, so that \
            it can be repeated; --clean-up removes them at the end. Exits 1 when a step did not do what it says.
            """
    )

    @Flag(help: "Remove what the tour registered.")
    var cleanUp = false

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withServer { server in
            let paint = Paint.standardOutput
            let tour = Tour(server: server, paint: paint, isQuiet: connection.quiet)
            let story = try await DemoStory(tour)
            try Printer.write(paint.bold("A tour of Legate at \(server.profile.server)") + "\n")
            do {
                try await story.tell()
            } catch is Tour.Stopped {
                connection.printer.note("the tour cannot go on: later steps need this one")
            }
            if cleanUp { try await story.cleanUp() }
            let summary = tour.summary
            try Printer.write("\n" + (tour.failures == 0 ? paint.good(summary) : paint.bad(summary)) + "\n")
            if tour.failures > 0 {
                throw CommandFailure("\(tour.failures) of \(tour.steps) steps did not do what they say")
            }
        }
    }
}

/// What happens on the tour: alice lets a planner act for her; the planner calls a worker, which calls the orders API,
/// and reads a key of hers in the vault.
private final class DemoStory {
    private let tour: Tour
    private let server: AdminClient
    private let discovery: Discovery
    private let operatorParty: Tour.Party

    private let suffix: String
    private var ordersURI: String { "https://api.demo.example/\(suffix)" }
    private var workerURI: String { "https://worker.demo.example/\(suffix)" }
    private var issuerURL: String { "https://idp.demo.example/\(suffix)" }
    private var ordersName: String { "demo-orders-\(suffix)" }
    private var workerName: String { "demo-worker-api-\(suffix)" }
    private var issuerName: String { "demo-idp-\(suffix)" }
    private var plannerID: String { "demo-planner-\(suffix)" }
    private var workerID: String { "demo-worker-\(suffix)" }
    private var retiredID: String { "demo-retired-\(suffix)" }

    /// Paths of the admin API, in the order in which they came to be.
    private var registered: [String] = []
    private var keepsSecret = false

    /// What is worth showing of a client.
    private let clientMembers = ["client_id", "scopes", "resources", "grants", "acts_as", "client_secret"]

    init(_ tour: Tour) async throws {
        self.tour = tour
        server = tour.server
        discovery = try await server.discovery()
        operatorParty = Tour.Party(
            credentials: try server.credentials(), shown: "$LEGATE_CLIENT_ID:$LEGATE_CLIENT_SECRET"
        )
        let letters = Array("abcdefghijkmnpqrstuvwxyz23456789")
        suffix = String((0..<6).compactMap { _ in letters.randomElement() })
    }

    func tell() async throws {
        try await registerResources()
        let planner = try await registerPlanner()
        let worker = try await registerWorker()
        try await taskToken(for: planner)
        let idp = try await trustIdentityProvider()
        let delegation = try await delegate()
        let first = try await exchangeUserToken(of: idp, at: planner, under: delegation)
        let second = try await exchangeAgain(first, at: worker, under: delegation)
        try await introspect(second, isAlive: true)
        try await refusedWrongAudience(planner)
        try await refusedWiderScope(first, worker)
        try await refusedDisabledAgent()
        let hasVault = try await vault.isPossible()
        if hasVault { try await useSecret(of: idp, at: planner) }
        try await revoke(delegation)
        try await introspectDead([("DELEGATED_TOKEN", first), ("DOWNSTREAM_TOKEN", second)])
        if hasVault { try await vault.leaseEnded() }
        try await trace(second)
    }

    /// Takes back what the tour registered, latest first.
    func cleanUp() async throws {
        try? await tour.step("What the tour registered is removed.") {
            if keepsSecret { try await vault.cleanUp() }
            for path in registered.reversed() { try await server.delete(path) }
            try tour.expect(true, "\(registered.count + (keepsSecret ? 1 : 0)) things are removed")
        }
    }

    // MARK: Registering

    private func registerResources() async throws {
        try await tour.step("Register a resource: an API that accepts Legate's tokens.") {
            let made = try await tour.legate(
                "resource", "create", ordersURI, "--name", ordersName, "--scope", "orders:read", "orders:write"
            )
            registered.append("resources/\(ordersName)")
            try tour.expect(made["resource"]?.string == ordersURI, "its identifier will be the aud of its tokens")
        }
        try await tour.step("Register a second one: the MCP server of an agent.") {
            let made = try await tour.legate(
                "resource", "create", workerURI, "--name", workerName, "--kind", "mcp", "--scope", "orders:read"
            )
            registered.append("resources/\(workerName)")
            try tour.expect(made["kind"]?.string == "mcp", "it is an MCP server")
        }
    }

    private func registerPlanner() async throws -> Tour.Party {
        try await tour.step("Register an agent, the planner. It may call the worker and read from the vault.") {
            let made = try await tour.legate(
                "client", "create", "Demo planner", "--id", plannerID, "--scope", "orders:read", "secrets:read",
                "--resource", workerURI, vault.resource, "--grant", "client_credentials", "token_exchange", "--owner",
                "demo team", "--purpose", "plans the work",
                showing: clientMembers
            )
            registered.append("clients/\(plannerID)")
            return try party(made, "PLANNER")
        }
    }

    private func registerWorker() async throws -> Tour.Party {
        try await tour.step("Register a second agent, the worker. It is that MCP server, and may call the orders API.")
        {
            let made = try await tour.legate(
                "client", "create", "Demo worker", "--id", workerID, "--scope", "orders:read", "orders:write",
                "--resource", ordersURI, "--grant", "token_exchange", "--acts-as", workerURI, "--owner", "demo team",
                showing: clientMembers
            )
            registered.append("clients/\(workerID)")
            try tour.expect(made["acts_as"]?.string == workerURI, "tokens for \(workerURI) are addressed to it")
            return try party(made, "WORKER")
        }
    }

    private func party(_ made: JSONObject, _ variable: String) throws -> Tour.Party {
        guard let id = made["client_id"]?.string, let secret = made["client_secret"]?.string else {
            throw CommandFailure("the answer has no client_secret")
        }
        try tour.expect(true, "its secret is shown once; here it is $\(variable)_SECRET")
        return Tour.Party(
            credentials: Credentials(clientID: id, secret: secret), shown: "\(id):$\(variable)_SECRET"
        )
    }

    // MARK: A token for one task

    private func taskToken(for planner: Tour.Party) async throws {
        let token = try await tour.step("The planner gets a token for one task.") {
            let answer = try await tour.post(
                discovery.tokenEndpoint, as: planner,
                [
                    .init("grant_type", "client_credentials"), .init("resource", workerURI),
                    .init("scope", "orders:read"), .init("task_id", "invoice-42"), .init("agent_id", "run-1"),
                    .init("reason", "collect the open orders"),
                ]
            )
            let token = try accessToken(answer)
            let claims = try claims(token)
            try tour.expect(claims["aud"]?.string == workerURI, "it is for one resource: \(workerURI)")
            try tour.expect(claims["txn"]?.string == "\(plannerID)/invoice-42", "it carries the task")
            return token
        }
        try await tour.step("Decode it, and verify it against the published keys.") {
            try tour.show(text: "$ echo \"$TASK_TOKEN\" | legate token inspect -")
            let seen = try await Inspection.of(token, asking: server)
            try tour.show(.object(seen))
            try tour.expect(seen["verified"]?.bool == true, "the signature is good, and the header says at+jwt")
            try tour.expect(seen["active"]?.bool == true, "the server says it is alive")
        }
    }

    // MARK: A user delegates

    private func trustIdentityProvider() async throws -> SigningKey {
        try await tour.step("Trust an identity provider.") {
            try tour.note("making its RSA key, 3072 bits …")
            let key = try SigningKey.generate(.rs256)
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent("legate-demo-\(suffix)")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
            defer { try? FileManager.default.removeItem(at: directory) }
            let file = directory.appendingPathComponent("jwks.json")
            try Data(JSON.object(JWKSet(keys: [key.publicKey]).json).serialized).write(to: file)
            try tour.note("its public keys are in \(file.path)")
            let made = try await tour.legate("issuer", "trust", issuerURL, "--name", issuerName, "--jwks", file.path)
            registered.append("issuers/\(issuerName)")
            try tour.expect(made["name"]?.string == issuerName, "its users are \(issuerName)|NAME here")
            return key
        }
    }

    private func delegate() async throws -> String {
        try await tour.step("Its user alice lets the planner read her orders, and secrets for her, for an hour.") {
            let made = try await tour.legate(
                "delegation", "create", "--issuer", issuerName, "--subject", "alice", "--client", plannerID, "--scope",
                "orders:read", "secrets:read", "--resource", workerURI, ordersURI, vault.resource, "--expires", "1h",
                "--purpose", "monthly report"
            )
            guard let id = made["delegation_id"]?.string else {
                throw CommandFailure("the answer has no delegation_id")
            }
            try tour.expect(made["status"]?.string == "active", "the delegation is active")
            return id
        }
    }

    private func exchangeUserToken(
        of idp: SigningKey, at planner: Tour.Party, under delegation: String
    ) async throws -> String {
        try await tour.step("The planner exchanges alice's own token for one to act for her.") {
            let user = aliceClaims("login")
            try tour.note("$ALICE_TOKEN, signed by the identity provider, says:")
            try tour.show(.object(user))
            let answer = try await tour.post(
                discovery.tokenEndpoint, as: planner,
                [
                    .init("grant_type", TokenExchange.grantType),
                    .init(
                        "subject_token", try idp.compactJWS(type: "JWT", payload: user.serialized),
                        shown: "$ALICE_TOKEN"
                    ),
                    .init("subject_token_type", TokenTypeArgument.jwt.uri), .init("resource", workerURI),
                    .init("scope", "orders:read"), .init("task_id", "invoice-42"),
                    .init("reason", "monthly report for alice"),
                ]
            )
            let token = try accessToken(answer)
            let claims = try showClaims(of: token)
            try tour.expect(claims["sub"]?.string == "\(issuerName)|alice", "it speaks of alice")
            try tour.expect(actors(claims) == [plannerID], "act: the planner acts for her")
            try tour.expect(claims["delegation_id"]?.string == delegation, "it stands under her delegation")
            return token
        }
    }

    /// What the identity provider says of alice when she logs in.
    private func aliceClaims(_ login: String) -> JSONObject {
        let now = Timestamp.current.seconds
        return [
            "iss": .string(issuerURL), "sub": "alice", "aud": .string(discovery.issuer), "iat": .integer(now),
            "exp": .integer(now + 300), "jti": .string("\(login)-\(suffix)"),
        ]
    }

    private func aliceToken(of idp: SigningKey, _ login: String) throws -> String {
        try idp.compactJWS(type: "JWT", payload: aliceClaims(login).serialized)
    }

    private func exchangeAgain(
        _ received: String, at worker: Tour.Party, under delegation: String
    ) async throws -> String {
        try await tour.step("The worker received that token, and exchanges it for one at the orders API.") {
            let answer = try await tour.post(
                discovery.tokenEndpoint, as: worker, exchangeFields(received, scope: "orders:read")
            )
            let token = try accessToken(answer)
            let claims = try showClaims(of: token)
            try tour.expect(claims["sub"]?.string == "\(issuerName)|alice", "it still speaks of alice")
            try tour.expect(actors(claims) == [workerID, plannerID], "act has two levels: the worker, for the planner")
            try tour.expect(claims["delegation_id"]?.string == delegation, "it stands under the same delegation")
            return token
        }
    }

    private func exchangeFields(_ received: String, scope: String) -> [Tour.Field] {
        [
            .init("grant_type", TokenExchange.grantType),
            .init("subject_token", received, shown: "$DELEGATED_TOKEN"),
            .init("subject_token_type", TokenTypeArgument.accessToken.uri), .init("resource", ordersURI),
            .init("scope", scope),
        ]
    }

    // MARK: Refusals

    private func refusedWrongAudience(_ planner: Tour.Party) async throws {
        try await tour.step("Refused: the planner asks for a resource that it was not granted.") {
            let refusal = try await tour.refused(
                discovery.tokenEndpoint, as: planner,
                [.init("grant_type", "client_credentials"), .init("resource", ordersURI)]
            )
            try tour.expect(refusal.code == "invalid_target", "\(refusal.status) invalid_target")
        }
    }

    private func refusedWiderScope(_ received: String, _ worker: Tour.Party) async throws {
        try await tour.step(
            "Refused: the worker, which may write orders itself, asks to do so for alice, who let it only read."
        ) {
            let refusal = try await tour.refused(
                discovery.tokenEndpoint, as: worker, exchangeFields(received, scope: "orders:write")
            )
            try tour.expect(refusal.code == "invalid_scope", "\(refusal.status) invalid_scope")
        }
    }

    private func refusedDisabledAgent() async throws {
        try await tour.step("Refused: an agent that is disabled, although its secret is right.") {
            let made = try await tour.legate(
                "client", "create", "Demo retired", "--id", retiredID, "--scope", "orders:read", "--resource",
                ordersURI,
                showing: clientMembers
            )
            registered.append("clients/\(retiredID)")
            let retired = try party(made, "RETIRED")
            try await tour.legate("client", "disable", retiredID, showing: ["client_id", "enabled"])
            let refusal = try await tour.refused(
                discovery.tokenEndpoint, as: retired,
                [.init("grant_type", "client_credentials"), .init("resource", ordersURI)]
            )
            try tour.expect(
                refusal.code == "invalid_client" && refusal.status == 401,
                "\(refusal.status) invalid_client; a stranger is told no more than that"
            )
            try tour.note("the audit trail knows why:")
            try tour.show(command: ["legate", "audit", "list", "--client", retiredID, "--decision", "deny"])
            let query: [(name: String, value: String?)] = [("client_id", retiredID), ("decision", "deny")]
            let record = try await server.get("audit", query).object?["items"]?.array?.last ?? .null
            try tour.show(record, only: ["event", "client_id", "policy_evaluation"])
            try tour.expect(record.object?["event"]?.string == "token.refused", "the refusal is on record")
        }
    }

    // MARK: The vault

    private var vault: DemoVault {
        DemoVault(tour: tour, suffix: suffix, planner: plannerID, user: "\(issuerName)|alice")
    }

    private func useSecret(of idp: SigningKey, at planner: Tour.Party) async throws {
        try await vault.keep()
        keepsSecret = true
        let token = try await tour.step("The planner exchanges alice's token for one that is for the vault.") {
            let answer = try await tour.post(
                discovery.tokenEndpoint, as: planner,
                [
                    .init("grant_type", TokenExchange.grantType),
                    .init("subject_token", try aliceToken(of: idp, "vault"), shown: "$ALICE_TOKEN"),
                    .init("subject_token_type", TokenTypeArgument.jwt.uri), .init("resource", vault.resource),
                    .init("scope", "secrets:read"), .init("task_id", "invoice-42"),
                ]
            )
            return try accessToken(answer)
        }
        try await vault.read(with: token)
        registered.append(try await vault.refuseStranger())
    }

    // MARK: The end

    private func introspect(_ token: String, isAlive: Bool) async throws {
        try await tour.step("Introspection says that the worker's token is alive.") {
            let answer = try await tour.post(
                discovery.introspectionEndpoint, as: operatorParty, [.init("token", token, shown: "$DOWNSTREAM_TOKEN")]
            )
            try tour.expect(answer["active"]?.bool == true, "active")
        }
    }

    private func revoke(_ delegation: String) async throws {
        try await tour.step("Alice's delegation is revoked.") {
            let answer = try await tour.legate(
                "delegation", "revoke", delegation, "--reason", "end of the tour", showing: ["delegation_id", "status"])
            try tour.expect(answer["status"]?.string == "revoked", "one call, in force when it returns")
        }
    }

    private func introspectDead(_ tokens: [(variable: String, token: String)]) async throws {
        try await tour.step("Introspection: every token issued under it is dead, at any depth.") {
            for (variable, token) in tokens {
                let answer = try await tour.post(
                    discovery.introspectionEndpoint, as: operatorParty, [.init("token", token, shown: "$\(variable)")]
                )
                try tour.expect(answer == ["active": false], "$\(variable) is inactive, and nothing more is said")
            }
        }
    }

    private func trace(_ token: String) async throws {
        try await tour.step("Who authorised the last token, and what was the chain of custody?") {
            guard let jti = try claims(token)["jti"]?.string else { throw CommandFailure("the token has no jti") }
            try tour.show(command: ["legate", "audit", "trace", jti])
            let trace = try await server.get("audit/trace/\(jti.segment)").object ?? [:]
            try tour.show(text: TraceScreen(trace).text)
            let hands = (trace["chain"]?.array ?? []).map { $0.object?["client_id"]?.string }
            try tour.expect(hands == [plannerID, workerID], "both hands are on record, and the delegation behind them")
            try tour.expect(trace["status"]?.string == "revoked", "so is what ended it")
        }
    }

    // MARK: Tokens

    private func accessToken(_ answer: JSONObject) throws -> String {
        guard let token = answer["access_token"]?.string else { throw CommandFailure("the answer has no access_token") }
        return token
    }

    private func claims(_ token: String) throws -> JSONObject { try UnverifiedJWT(token).claims }

    /// The claims that tell the story.
    private func showClaims(of token: String) throws -> JSONObject {
        let claims = try claims(token)
        var short = JSONObject()
        for name in ["sub", "aud", "scope", "client_id", "delegation_id", "txn", "act"] { short[name] = claims[name] }
        try tour.note("the token says:")
        try tour.show(.object(short))
        return claims
    }

    /// Who acts, outermost the most recent.
    private func actors(_ claims: JSONObject) -> [String] {
        var actors: [String] = []
        var level = claims["act"]?.object
        while let actor = level, let subject = actor["sub"]?.string {
            actors.append(subject)
            level = actor["act"]?.object
        }
        return actors
    }
}
