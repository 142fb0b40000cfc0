import AsyncHTTPClient
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

    init(source: ApplicationRequestContextSource) { coreContext = .init(source: source) }
}

@Suite("The middleware")
struct MiddlewareTests {
    private struct Answer {
        let status: UInt
        let challenge: String?
        let body: String
        let headers: [String: String]
    }

    /// What the application answers to these values of the `Authorization` header.
    private func ask(
        scopes: [String] = ["orders:read"], isRunning: Bool = true,
        _ authorizations: @Sendable (FakeIssuer) throws -> [[String]]
    ) async throws -> [Answer] {
        let server = try FakeIssuer(TestTime(isRunning: true))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let (answers, give) = AsyncStream.makeStream(of: Answer.self)
        try await server.serve {
            let gateway = try Gateway(
                GatewayConfiguration(
                    issuer: server.issuer, resources: [Signer.resource],
                    credentials: GatewayCredentials(clientID: "edge", secret: "s")),
                logger: logger)
            let router = Router(context: TestContext.self)
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
                    for values in try authorizations(server) {
                        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/")
                        for value in values { request.headers.add(name: "Authorization", value: value) }
                        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
                        give.yield(
                            Answer(
                                status: response.status.code,
                                challenge: response.headers.first(name: "WWW-Authenticate"),
                                body: String(buffer: try await response.body.collect(upTo: 10_000)),
                                headers: Dictionary(
                                    response.headers.map { ($0.name.lowercased(), $0.value) },
                                    uniquingKeysWith: { $1 })))
                    }
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

    @Test("while revocations cannot be checked nothing passes, and it is nobody's fault")
    func unavailable() async throws {
        let answers = try await ask(isRunning: false) { [["Bearer \(try $0.token())"]] }
        #expect(answers.first?.status == 503)
        #expect(answers.first?.headers["retry-after"] == "2")
        #expect(answers.first?.challenge == nil)
    }
}
