package import Hummingbird
import HummingbirdCore
import HummingbirdTLS
package import Logging
package import NIOCore
package import NIOSSL
import OAuth

/// The HTTP server over a server that may be sealed and unsealed.
package struct LegateServer: Sendable {
    package struct Configuration: Sendable {
        package let host: String
        /// 0 picks a free one.
        package let port: Int
        /// Serve HTTPS with this certificate and key; nil serves plain HTTP.
        package let tls: TLSConfiguration?

        package init(host: String, port: Int, tls: TLSConfiguration? = nil) {
            self.host = host
            self.port = port
            self.tls = tls
        }
    }

    private let server: SealableServer
    private let configuration: Configuration
    private let sink: LogSink

    package init(server: SealableServer, configuration: Configuration, sink: LogSink) {
        self.server = server
        self.configuration = configuration
        self.sink = sink
    }

    /// Answers requests without a socket, for tests.
    package func responder() -> some HTTPResponder<LegateContext> {
        Front(
            SealableResponder(server: server),
            problemPrefixes: ["/admin", "/vault", "/revocations"].map { server.issuer.path + $0 },
            opaquePrefix: server.issuer.path + "/check/", isTLS: configuration.tls != nil,
            log: RequestLog(sink: sink, now: server.now), metrics: server.metrics
        )
    }

    /// The service to run.
    ///
    /// - Parameter onRunning: called with the address once the listener is open.
    package func application(
        logger: Logger, onRunning: @escaping @Sendable (SocketAddress?) async -> Void
    ) throws -> some ApplicationProtocol {
        let http = HTTPServerBuilder.http1(
            configuration: .init(additionalChannelHandlers: [ConnectionGuard()])
        )
        let builder = try configuration.tls.map { try HTTPServerBuilder.tls(http, tlsConfiguration: $0) } ?? http
        return Application(
            responder: responder(), server: builder,
            configuration: .init(address: .hostname(configuration.host, port: configuration.port), serverName: nil),
            onServerRunning: { await onRunning($0.localAddress) }, logger: logger
        )
    }
}
