import Foundation
import Hummingbird
import LegateGateway
import LegateGatewayHummingbird
import Logging
import ServiceLifecycle
import UnixSignals

/// An API that verifies its tokens itself, as `Docs/Gateways/Swift.md` shows it. Tests and measurements run it:
///
///     GatewayExample --issuer URL --resource URI --listen HOST:PORT [--scope S] [--fail-closed-after SECONDS]
///         [--public-url URL] [--require dpop|nonce]
///
/// with `LEGATE_CLIENT_ID`, `LEGATE_CLIENT_SECRET` and `LEGATE_CA_FILE` in the environment.
@main
struct GatewayExample {
    static func main() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        let logger = Logger(label: "example")
        let settings = try Settings(CommandLine.arguments, ProcessInfo.processInfo.environment)

        var configuration = GatewayConfiguration(
            issuer: settings.issuer, resources: [settings.resource],
            credentials: GatewayCredentials(clientID: settings.clientID, secret: settings.secret)
        )
        configuration.certificateAuthority = settings.certificateAuthority
        if let seconds = settings.failClosedAfter { configuration.failClosedAfter = .seconds(seconds) }
        configuration.publicURL = settings.publicURL
        configuration.requireDPoP = settings.demanded == "dpop"
        configuration.requireDPoPNonce = settings.demanded == "nonce"
        let gateway = try Gateway(configuration, logger: logger)

        let router = Router(context: ExampleContext.self)
        router.get("ready") { _, _ in gateway.isLive ? HTTPResponse.Status.ok : .serviceUnavailable }
        let orders = router.group()
            .add(
                middleware: LegateAuthentication(
                    gateway: gateway, scopes: settings.scopes,
                    resourceMetadata: "\(settings.issuer)/resources/orders/oauth-protected-resource")
            )
        for path: RouterPath in ["/", "v1/orders", "v1/orders/*"] {
            orders.get(path, use: caller)
            orders.post(path, use: caller)
            orders.delete(path, use: caller)
        }

        let application = Application(
            router: router,
            configuration: .init(address: .hostname(settings.host, port: settings.port)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? settings.port
                FileHandle.standardOutput.write(Data("listening on \(settings.host):\(port)\n".utf8))
            },
            logger: logger
        )
        let group = ServiceGroup(
            services: [gateway, application], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        try await group.run()
    }
}

/// Each route.
@Sendable func caller(_ request: Request, _ context: ExampleContext) throws -> Caller {
    guard let token = context.legateToken else { throw HTTPError(.unauthorized) }
    return Caller(subject: token.subject, client: token.clientID, scopes: token.scopes)
}

/// What the route answers: who called.
struct Caller: ResponseEncodable {
    let subject: String
    let client: String
    let scopes: [String]
}

struct ExampleContext: LegateRequestContext {
    var coreContext: CoreRequestContextStorage
    var legateToken: VerifiedToken?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
    }
}

/// The arguments, and what must not stand among them.
struct Settings {
    let issuer: String
    let resource: String
    let host: String
    let port: Int
    let scopes: [String]
    let failClosedAfter: Int64?
    let publicURL: String?
    let demanded: String?
    let clientID: String
    let secret: String
    let certificateAuthority: String?

    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    init(_ arguments: [String], _ environment: [String: String]) throws {
        func option(_ name: String) -> String? {
            let rest = arguments.drop { $0 != name }
            return rest.dropFirst().first
        }
        func required(_ name: String, _ value: String?) throws -> String {
            guard let value, !value.isEmpty else { throw Missing(description: "\(name) is missing") }
            return value
        }
        issuer = try required("--issuer", option("--issuer"))
        resource = try required("--resource", option("--resource"))
        let listen = try required("--listen", option("--listen")).split(separator: ":")
        guard listen.count == 2, let host = listen.first, let port = listen.last.flatMap({ Int($0) }) else {
            throw Missing(description: "--listen must be HOST:PORT")
        }
        self.host = String(host)
        self.port = port
        scopes = option("--scope").map { [$0] } ?? []
        failClosedAfter = option("--fail-closed-after").flatMap { Int64($0) }
        publicURL = option("--public-url")
        demanded = option("--require")
        clientID = try required("LEGATE_CLIENT_ID", environment["LEGATE_CLIENT_ID"])
        secret = try required("LEGATE_CLIENT_SECRET", environment["LEGATE_CLIENT_SECRET"])
        certificateAuthority = environment["LEGATE_CA_FILE"]
    }
}
