package import Hummingbird
import HummingbirdCore
package import Logging
package import NIOCore
import OAuth
package import ServiceLifecycle

/// The HTTP server over a server that may be sealed and unsealed.
package struct LegateServer: Sendable {
    package struct Configuration: Sendable {
        package let host: String
        /// 0 picks a free one.
        package let port: Int
        /// Serve HTTPS with this; nil serves plain HTTP.
        package let tls: ServerTLS?
        /// The second listener, which asks for client certificates (RFC 8705 section 5); needs `tls`.
        package let mutual: Listener?
        package let proxies: TrustedProxies
        /// Nil when no authority's client certificates count.
        package let authorities: ClientAuthorities?
        package let limits: ConnectionLimits

        package init(
            host: String, port: Int, tls: ServerTLS? = nil, mutual: Listener? = nil, proxies: TrustedProxies = .none,
            authorities: ClientAuthorities? = nil, limits: ConnectionLimits = ConnectionLimits()
        ) {
            self.host = host
            self.port = port
            self.tls = tls
            self.mutual = mutual
            self.proxies = proxies
            self.authorities = authorities
            self.limits = limits
        }
    }

    /// An address to listen on.
    package struct Listener: Sendable, Equatable {
        package let host: String
        package let port: Int
        /// Scheme, host and port as clients name it; nil for those of the issuer.
        package let origin: String?

        package init(host: String, port: Int, origin: String? = nil) {
            self.host = host
            self.port = port
            self.origin = origin
        }
    }

    private let server: SealableServer
    private let configuration: Configuration
    private let sink: LogSink
    private let certificates: ClientCertificates
    /// One for all listeners.
    private let doorkeeper: Doorkeeper

    package init(server: SealableServer, configuration: Configuration, sink: LogSink) {
        self.server = server
        self.configuration = configuration
        self.sink = sink
        doorkeeper = Doorkeeper(limits: configuration.limits)
        server.metrics.doorkeeper(doorkeeper)
        certificates = configuration.authorities?.judge ?? ClientCertificates(now: server.now)
    }

    /// Answers requests without a socket, for tests.
    package func responder() -> some HTTPResponder<LegateContext> {
        Front(
            SealableResponder(server: server),
            problemPrefixes: ["/admin", "/vault", "/revocations"].map { server.issuer.path + $0 },
            opaquePrefix: server.issuer.path + "/check/", isTLS: configuration.tls != nil,
            certificates: PeerCertificates(proxies: configuration.proxies, judge: certificates),
            log: RequestLog(sink: sink, now: server.now), metrics: server.metrics
        )
    }

    /// The services to run, one for each listener. One that cannot be opened throws a `ListenFault`.
    ///
    /// - Parameter onRunning: called with the address of the first listener, once all are open.
    package func applications(
        logger: Logger, onRunning: @escaping @Sendable (SocketAddress?) async -> Void
    ) -> [any Service] {
        let opening = Opening(of: configuration.mutual == nil ? 1 : 2, onRunning)
        let first = Listener(host: configuration.host, port: configuration.port)
        guard let tls = configuration.tls else {
            let plain = HTTPServerBuilder { responder in
                GuardedChannel(HTTP1Channel(responder: responder, configuration: http1), doorkeeper: doorkeeper)
            }
            return [application(plain, "listen", at: first, logger) { await opening.opened($0, isFirst: true) }]
        }
        let main = application(builder(tls, at: first, asksForCertificate: false), "listen", at: first, logger) {
            await opening.opened($0, isFirst: true)
        }
        guard let mutual = configuration.mutual else { return [main] }
        let other = application(builder(tls, at: mutual, asksForCertificate: true), "mtls-listen", at: mutual, logger) {
            await opening.opened($0, isFirst: false)
        }
        return [main, other]
    }

    /// - Parameter option: the one that names the address.
    private func application(
        _ builder: HTTPServerBuilder, _ option: String, at listener: Listener, _ logger: Logger,
        _ onRunning: @escaping @Sendable (SocketAddress?) async -> Void
    ) -> any Service {
        let application = Application(
            responder: responder(), server: builder,
            configuration: .init(address: .hostname(listener.host, port: listener.port), serverName: nil),
            onServerRunning: { await onRunning($0.localAddress) }, logger: logger
        )
        return ListenerService(application: application, option: option, listener: listener)
    }

    /// A listener that says where it could not be opened.
    private struct ListenerService: Service {
        let application: any Service
        let option: String
        let listener: Listener

        func run() async throws {
            do {
                try await application.run()
            } catch {
                guard let fault = ListenFault(error, option: option, host: listener.host, port: listener.port) else {
                    throw error
                }
                throw fault
            }
        }
    }

    /// What every HTTP/1.1 connection has, with TLS or without.
    private var http1: HTTP1Channel.Configuration {
        let limits = configuration.limits
        return HTTP1Channel.Configuration(
            additionalChannelHandlers: [ConnectionGuard(.connection, limits: limits)],
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: limits.headBytes, maxHeaderListSize: limits.headBytes,
                maxHeaderFieldCount: limits.headerFields
            )
        )
    }

    /// What every request on an HTTP/2 connection has.
    private var http2: HTTP1Channel.Configuration {
        let limits = configuration.limits
        return HTTP1Channel.Configuration(
            additionalChannelHandlers: [ConnectionGuard(.stream, limits: limits)]
        )
    }

    private func builder(_ tls: ServerTLS, at listener: Listener, asksForCertificate: Bool) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            GuardedChannel(
                TLSHTTPChannel(
                    responder: responder, tls: tls, origin: listener.origin, asksForCertificate: asksForCertificate,
                    http1: http1, http2: http2
                ),
                doorkeeper: doorkeeper
            )
        }
    }
}
