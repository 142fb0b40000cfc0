import AsyncHTTPClient
import Crypto
import Hummingbird
import JOSE
import LegateGatewayHummingbird
import Logging
import NIOHTTP1
import Testing

@testable import LegateGateway

private struct TestContext: LegateRequestContext {
    var coreContext: CoreRequestContextStorage
    var legateToken: VerifiedToken?
    var legateCertificate: [UInt8]?

    init(source: ApplicationRequestContextSource) { coreContext = .init(source: source) }
}

/// As if the TLS connection of each request had this certificate.
private struct Presenting: RouterMiddleware {
    let certificate: [UInt8]

    func handle(
        _ request: Request, context: TestContext, next: (Request, TestContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.legateCertificate = certificate
        return try await next(request, context)
    }
}

@Suite("The middleware")
struct MiddlewareTests {
    private struct Answer: Sendable {
        let status: UInt
        let challenge: String?
        let body: String
        let headers: [String: String]
    }

    /// The headers of the next request, when these were the answers so far; nil when there is none.
    private typealias Next = @Sendable (FakeIssuer, [Answer]) throws -> [(name: String, value: String)]?

    /// What the application answers to these values of the `Authorization` header.
    private func ask(
        scopes: [String] = ["orders:read"], isRunning: Bool = true,
        _ authorizations: @Sendable (FakeIssuer) throws -> [[String]]
    ) async throws -> [Answer] {
        try await send(scopes: scopes, isRunning: isRunning) { server, answers in
            try authorizations(server).dropFirst(answers.count).first?.map { (name: "Authorization", value: $0) }
        }
    }

    /// What the application answers to each request in turn.
    private func send(
        scopes: [String] = ["orders:read"], isRunning: Bool = true, certificate: [UInt8]? = nil,
        configure: @Sendable (inout GatewayConfiguration) -> Void = { _ in }, _ next: Next
    ) async throws -> [Answer] {
        let server = try FakeIssuer(TestTime(isRunning: true))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let (answers, give) = AsyncStream.makeStream(of: Answer.self)
        try await server.serve {
            var configuration = GatewayConfiguration(
                issuer: server.issuer, resources: [Signer.resource],
                credentials: GatewayCredentials(clientID: "edge", secret: "s"))
            configure(&configuration)
            let gateway = try Gateway(configuration, logger: logger)
            let router = Router(context: TestContext.self)
            if let certificate { router.add(middleware: Presenting(certificate: certificate)) }
            router.add(
                middleware: LegateAuthentication(
                    gateway: gateway, scopes: scopes, resourceMetadata: "https://orders.example.com/metadata"))
            router.get("/") { _, context in context.legateToken?.subject ?? "nobody" }
            let (listening, listens) = AsyncStream.makeStream(of: Int.self)
            let application = Application(
                router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
                onServerRunning: { listens.yield($0.localAddress?.port ?? 0) }, logger: logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await application.run() }
                if isRunning {
                    group.addTask { try await gateway.run() }
                    while !gateway.isLive { try await Task.sleep(for: .milliseconds(5)) }
                }
                for await port in listening {
                    var answers: [Answer] = []
                    while let headers = try next(server, answers) {
                        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/?a=b")
                        for header in headers { request.headers.add(name: header.name, value: header.value) }
                        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
                        answers.append(
                            Answer(
                                status: response.status.code,
                                challenge: response.headers.first(name: "WWW-Authenticate"),
                                body: String(buffer: try await response.body.collect(upTo: 10_000)),
                                headers: Dictionary(
                                    response.headers.map { ($0.name.lowercased(), $0.value) },
                                    uniquingKeysWith: { $1 })))
                    }
                    for answer in answers { give.yield(answer) }
                    break
                }
                group.cancelAll()
            }
        }
        give.finish()
        return await answers.reduce(into: []) { $0.append($1) }
    }

    private let metadata = #"resource_metadata="https://orders.example.com/metadata""#

    @Test("a good token gets through, and the route learns whose it is, whatever the case of the scheme")
    func good() async throws {
        let answers = try await ask { [["Bearer \(try $0.token())"], ["bEARER  \(try $0.token())"]] }
        #expect(answers.map(\.status) == [200, 200])
        #expect(answers.map(\.body) == ["acme|alice", "acme|alice"])
    }

    @Test("without credentials the challenge has no error, and says what is needed and where to ask")
    func nothing() async throws {
        let answers = try await ask { _ in [[]] }
        #expect(answers.first?.status == 401)
        #expect(answers.first?.challenge == #"Bearer scope="orders:read", "# + metadata)
        #expect(answers.first?.headers["cache-control"] == "no-store")
    }

    @Test("everything that is not one good token is an invalid token")
    func bad() async throws {
        let answers = try await ask { server in
            let token = try server.token()
            return [
                ["Bearer garbage"], ["Bearer"], ["Bearer "], ["Basic \(token)"], [token], ["Bearer \(token) \(token)"],
                ["Bearer \(token)", "Bearer \(token)"],
                ["Bearer \(try server.token { $0["aud"] = "https://x.example" })"],
            ]
        }
        #expect(answers.map(\.status) == Array(repeating: 401, count: 8))
        #expect(answers.allSatisfy { $0.challenge?.hasPrefix(#"Bearer error="invalid_token""#) == true })
        #expect(answers.allSatisfy { $0.challenge?.hasSuffix(metadata) == true })
    }

    @Test("a token without the scope is told which one")
    func scope() async throws {
        let answers = try await ask(scopes: ["orders:read", "orders:delete"]) { [["Bearer \(try $0.token())"]] }
        #expect(answers.first?.status == 403)
        #expect(answers.first?.challenge?.hasPrefix(#"Bearer error="insufficient_scope""#) == true)
        #expect(answers.first?.challenge?.contains(#"scope="orders:read orders:delete""#) == true)
    }

    @Test("DP-34, DP-40: a bound token gets in with its proof, after the nonce that a new gateway asks for")
    func proof() async throws {
        let prover = try Prover()
        let answers = try await send(configure: { $0.publicURL = Prover.publicURL }) { server, answers in
            guard answers.count < 4 else { return nil }
            let token = try server.token { $0["cnf"] = ["jkt": .string(prover.thumbprint)] }
            let proof = try prover.proof(
                token, at: GatewayClock.system.seconds(), url: Prover.publicURL + "/",
                nonce: answers.first?.headers["dpop-nonce"])
            let bound = (name: "Authorization", value: "DPoP \(token)")
            switch answers.count {
            case 0, 1: return [bound, ("dpop", proof)]
            case 2: return [bound, ("DPoP", proof), ("DPoP", proof)]
            default: return [("Authorization", "Bearer \(token)"), ("DPoP", proof)]
            }
        }
        #expect(answers.map(\.status) == [401, 200, 401, 401])
        #expect(answers.first?.challenge?.hasPrefix(#"DPoP error="use_dpop_nonce""#) == true)
        #expect(answers.dropFirst(2).first?.challenge?.hasPrefix(#"DPoP error="invalid_dpop_proof""#) == true)
        #expect(answers.last?.challenge?.hasPrefix(#"Bearer error="invalid_token""#) == true)
    }

    @Test("DP-25: where nonces are required, every answer brings the next one")
    func nonces() async throws {
        let prover = try Prover()
        let answers = try await send(
            configure: {
                $0.publicURL = Prover.publicURL
                $0.requireDPoP = true
                $0.requireDPoPNonce = true
            }
        ) { server, answers in
            guard answers.count < 2 else { return nil }
            let token = try server.token { $0["cnf"] = ["jkt": .string(prover.thumbprint)] }
            let proof = try prover.proof(
                token, at: GatewayClock.system.seconds(), url: Prover.publicURL + "/",
                nonce: answers.first?.headers["dpop-nonce"])
            return answers.isEmpty ? [] : [("Authorization", "DPoP \(token)"), ("DPoP", proof)]
        }
        #expect(answers.map(\.status) == [401, 200])
        #expect(answers.allSatisfy { $0.headers["dpop-nonce"] != nil })
        #expect(answers.first?.challenge?.hasPrefix("DPoP scope=") == true)
    }

    @Test("MTLS-08: the certificate of the request's context is the one that counts")
    func certificate() async throws {
        let certificate = Array("a certificate".utf8)
        let thumbprint = JSON.string(Base64URL.encode(Array(SHA256.hash(data: certificate))))
        for presented: [UInt8]? in [certificate, Array("another".utf8), nil] {
            let answers = try await send(certificate: presented) { server, answers in
                guard answers.isEmpty else { return nil }
                return [("Authorization", "Bearer \(try server.token { $0["cnf"] = ["x5t#S256": thumbprint] })")]
            }
            #expect(answers.first?.status == (presented == certificate ? 200 : 401))
        }
    }

    @Test("while revocations cannot be checked nothing passes, and it is nobody's fault")
    func unavailable() async throws {
        let answers = try await ask(isRunning: false) { [["Bearer \(try $0.token())"]] }
        #expect(answers.first?.status == 503)
        #expect(answers.first?.headers["retry-after"] == "2")
        #expect(answers.first?.challenge == nil)
    }
}
