import Certificates
import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOHTTP2
import NIOSSL
import NIOTLS
import Synchronization

/// One TLS connection and what is spoken on it: HTTP/2 or HTTP/1.1, as the handshake agrees (RFC 7301).
struct TLSHTTPChannel: HTTPChannelHandler {
    struct Value: ServerChildChannelValue {
        let negotiated: EventLoopFuture<Negotiated>
        let presented: PresentedChain
        let channel: any Channel
    }

    enum Negotiated: Sendable {
        case http1(HTTP1Channel.Value)
        case http2(HTTP2Channel.Value)
    }

    let responder: Responder
    private let tls: ServerTLS
    private let origin: String?
    private let asksForCertificate: Bool
    private let http1: HTTP1Channel
    private let http2: HTTP2Channel

    /// Seconds without a request after which an HTTP/2 connection is told to end.
    private static let idleTime = Duration.seconds(75)
    /// Seconds for what is under way once a connection was told to end.
    private static let closingTime = Duration.seconds(5)

    init(
        responder: @escaping Responder, tls: ServerTLS, origin: String?, asksForCertificate: Bool,
        http1: HTTP1Channel.Configuration, http2 streams: HTTP1Channel.Configuration
    ) {
        self.responder = responder
        self.tls = tls
        self.origin = origin
        self.asksForCertificate = asksForCertificate
        self.http1 = HTTP1Channel(responder: responder, configuration: http1)
        http2 = HTTP2Channel(
            responder: responder,
            configuration: HTTP2ChannelConfiguration(
                idleTimeout: Self.idleTime, gracefulCloseTimeout: Self.closingTime, streamConfiguration: streams
            )
        )
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let presented = PresentedChain()
        return channel.eventLoop.makeCompletedFuture {
            let context = tls.context(asksForCertificate: asksForCertificate)
            let handler =
                asksForCertificate
                ? NIOSSLServerHandler(context: context, customVerificationCallback: presented.take)
                : NIOSSLServerHandler(context: context)
            let negotiation = NIOTypedApplicationProtocolNegotiationHandler<Negotiated> { result in
                agreed(result, channel: channel, logger: logger)
            }
            try channel.pipeline.syncOperations.addHandler(handler)
            try channel.pipeline.syncOperations.addHandler(negotiation)
            return Value(
                negotiated: negotiation.protocolNegotiationResult, presented: presented, channel: channel
            )
        }
    }

    private func agreed(
        _ result: ALPNResult, channel: any Channel, logger: Logger
    ) -> EventLoopFuture<Negotiated> {
        switch result {
        case .negotiated("h2"):
            do {
                try channel.pipeline.syncOperations.addHandler(FlushBeforeClose())
            } catch {
                return channel.eventLoop.makeFailedFuture(error)
            }
            return http2.setup(channel: channel, logger: logger).flatMapThrowing { connection in
                let pipeline = channel.pipeline.syncOperations
                try pipeline.addHandler(
                    RefusedStreams(), position: .after(pipeline.handler(type: NIOHTTP2Handler.self)))
                return .http2(connection)
            }
        case .negotiated("http/1.1"), .fallback:
            return http1.setup(channel: channel, logger: logger).map { .http1($0) }
        case .negotiated:
            // We offer two, and TLS chooses among what both sides offer.
            return channel.close().flatMapThrowing { () throws -> Negotiated in throw ChannelError.operationUnsupported
            }
        }
    }

    func handle(value: Value, logger: Logger) async {
        do {
            let negotiated = try await value.negotiated.get()
            let chain = asksForCertificate ? try await chain(of: value) : nil
            let connection = PeerConnection(
                address: PeerAddress.of(value.channel), chain: chain, origin: origin)
            await PeerConnection.$current.withValue(connection) {
                switch negotiated {
                case .http1(let connection): await http1.handle(value: connection, logger: logger)
                case .http2(let connection): await http2.handle(value: connection, logger: logger)
                }
            }
        } catch {
            logger.debug("a TLS connection was not made", metadata: ["reason": "\(error)"])
            try? await value.channel.close()
        }
    }

    /// A resumed session has no new presentation: then TLS remembers the certificate itself, and `ClientCertificates` what
    /// was presented with it.
    private func chain(of value: Value) async throws -> CertificateChain? {
        if let chain = value.presented.chain { return chain }
        guard let remembered = try await value.channel.nioSSL_peerCertificate().get() else { return nil }
        return try CertificateChain(leaf: try remembered.toDERBytes())
    }
}

/// Sends what is written before a connection closes. HTTP/2 closes one that was told to end together with its last
/// stream: when the end of the last answer is written, and not yet sent.
private final class FlushBeforeClose: ChannelOutboundHandler {
    typealias OutboundIn = IOData

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        context.flush()
        context.close(mode: mode, promise: promise)
    }
}

/// A stream that comes after the goodbye is refused (RFC 9113 section 8.7: it may be sent again). That is no reason to
/// close the connection under the others, which an error would be for those above.
private final class RefusedStreams: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if (error as? NIOHTTP2Errors.StreamError)?.baseError is NIOHTTP2Errors.CreatedStreamAfterGoaway { return }
        context.fireErrorCaught(error)
    }
}

/// Keeps what the peer presents in the handshake, unless it is nothing that could ever be accepted.
final class PresentedChain: Sendable {
    private let state = Mutex<CertificateChain?>(nil)

    var chain: CertificateChain? { state.withLock { $0 } }

    /// That the peer has the key is for TLS to check; whom the certificate names, for the endpoint.
    @Sendable func take(_ certificates: [NIOSSLCertificate], _ promise: EventLoopPromise<NIOSSLVerificationResult>) {
        do {
            let encoded = try certificates.map { try $0.toDERBytes() }
            guard let leaf = encoded.first else {
                promise.succeed(.failed)
                return
            }
            let chain = try CertificateChain(leaf: leaf, intermediates: Array(encoded.dropFirst()))
            state.withLock { $0 = chain }
            promise.succeed(.certificateVerified)
        } catch {
            promise.succeed(.failed)
        }
    }
}
