import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Watches one connection: a request that arrives too slowly is cut off, a broken one is answered, and a connection
/// whose answer says `Connection: close` is closed.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// From the first byte that may come to the end of the request.
    private static let requestTime = TimeAmount.seconds(30)
    /// Between two requests.
    private static let idleTime = TimeAmount.seconds(75)

    /// When the connection is closed unless something happens before; one timer looks at it from time to time.
    private var deadline = NIODeadline.distantFuture
    private var timer: Scheduled<Void>?
    private var closesAfterAnswer = false
    /// Whether a request is still coming in. It may have been answered by then: some need no body for that.
    private var isReceiving = false
    /// Requests that have no whole answer yet.
    private var unanswered = 0

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { watch(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        watch(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            deadline = .now() + Self.requestTime
            isReceiving = true
            unanswered += 1
        case .body: break
        case .end:
            deadline = unanswered == 0 ? .now() + Self.idleTime : .distantFuture
            isReceiving = false
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            closesAfterAnswer = head.headerFields[.connection]?.lowercased() == "close"
            context.write(data, promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            if closesAfterAnswer {
                context.writeAndFlush(data, promise: promise)
                context.close(promise: nil)
            } else {
                context.write(data, promise: promise)
                unanswered = max(0, unanswered - 1)
                if !isReceiving, unanswered == 0 { deadline = .now() + Self.idleTime }
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else {
            context.fireErrorCaught(error)
            return
        }
        let isTooLarge = error == .headerOverflow
        let status: HTTPResponse.Status = isTooLarge ? .requestHeaderFieldsTooLarge : .badRequest
        let text =
            #"{"error":"invalid_request","error_description":"\#(isTooLarge ? "the headers are too large" : "this is not HTTP")"}"#
        let body = ByteBuffer(string: text)
        let head = HTTPResponse(
            status: status,
            headerFields: [
                .connection: "close", .contentType: ContentType.json, .contentLength: String(body.readableBytes),
            ]
        )
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }

    private func watch(_ context: ChannelHandlerContext) {
        guard timer == nil else { return }
        deadline = .now() + Self.requestTime
        check(context)
    }

    /// Closes when the deadline has passed, else looks again later.
    private func check(_ context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        guard now < deadline else {
            context.close(promise: nil)
            return
        }
        let next = min(deadline, now + Self.requestTime)
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: next) { self.check(context) }
    }
}
