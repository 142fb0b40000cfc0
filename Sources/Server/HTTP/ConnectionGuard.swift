import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Watches the requests of one HTTP/1.1 connection, or the one of an HTTP/2 stream: a body that arrives too slowly is cut
/// off, and so is a reader who does not take the answer; what is not HTTP is answered; a connection whose answer says
/// `Connection: close` is closed.
///
/// How long a head may take, and how long a connection may rest, is the business of `ConnectionWatch`.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    enum Kind {
        /// An HTTP/1.1 connection, with one request after another.
        case connection
        /// An HTTP/2 stream, with one request.
        case stream
    }

    /// After an answer that ends the connection, so much of what still arrives is read and thrown away, for a moment:
    /// a connection that is closed under unread bytes takes the answer with it.
    private static let lingering = TimeAmount.seconds(2)
    private static let lingeringBytes = 1 << 20
    /// How long the last stream stays open. An HTTP/2 connection that was told to end closes with its last stream; what
    /// the client has sent until it hears of it would get no answer, not even that it was refused and may be sent again.
    private static let goodbye = TimeAmount.milliseconds(250)

    private let kind: Kind
    private let limits: ConnectionLimits
    private var visitor: Visitor?
    private var timer: Scheduled<Void>?
    private var closesAfterAnswer = false
    private var requests = 0
    /// Whether this is the stream with which an HTTP/2 connection has had its requests.
    private var isLast = false
    /// Requests that have no whole answer yet.
    private var unanswered = 0
    /// Whether the head of an answer is out, and its end is not.
    private var isAnswering = false
    /// Since when a body has been coming in. Its request may have been answered by then: some need no body for that.
    private var bodySince: NIODeadline?
    private var bodyBytes = 0
    /// Since when nobody has taken what is written.
    private var stalledSince: NIODeadline?
    /// Bytes that may still be thrown away.
    private var lingeringLeft: Int?

    init(_ kind: Kind = .connection, limits: ConnectionLimits = ConnectionLimits()) {
        self.kind = kind
        self.limits = limits
    }

    func handlerAdded(context: ChannelHandlerContext) {
        guard let connection = kind == .connection ? context.channel : context.channel.parent,
            let watch = try? connection.pipeline.syncOperations.handler(type: ConnectionWatch.self)
        else { return }
        visitor = watch.visitor
        if kind == .stream { isLast = watch.streamBegan(on: connection) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    // MARK: What comes in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if let left = lingeringLeft {
            throwAway(unwrapInboundIn(data), left: left, context)
            return
        }
        switch unwrapInboundIn(data) {
        case .head:
            if let visitor, !visitor.began(at: context.eventLoop.now, isStream: kind == .stream) { return }
            requests += 1
            unanswered += 1
            bodySince = context.eventLoop.now
            bodyBytes = 0
            guard unanswered <= limits.pipelined else {
                context.close(promise: nil)
                return
            }
        case .body(let buffer):
            guard bodySince != nil else { return }
            bodyBytes += buffer.readableBytes
            // Its answer did not need it; to read on costs more than a new connection.
            if unanswered == 0, bodyBytes > Self.lingeringBytes {
                context.close(promise: nil)
                return
            }
        case .end:
            guard bodySince != nil else { return }
            bodySince = nil
            if unanswered > 0 {
                visitor?.received(at: context.eventLoop.now)
            } else {
                visitor?.ended(at: context.eventLoop.now, wasReceived: false)
            }
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // Nobody above reads any more.
        if lingeringLeft != nil { context.read() }
        if bodySince != nil { look(context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A stream ends by itself. Closed before its reader has taken the answer, it would take the rest along.
        if kind == .stream, event is ChannelShouldQuiesceEvent { return }
        if lingeringLeft != nil, let event = event as? ChannelEvent, event == .inputClosed {
            context.close(promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stalledSince = context.channel.isWritable ? nil : context.eventLoop.now
        if stalledSince != nil { look(context) }
        context.fireChannelWritabilityChanged()
    }

    // MARK: What goes out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where head.status.kind != .informational:
            isAnswering = true
            if kind == .stream {
                // RFC 9113 section 8.2.2: no such fields there.
                head.headerFields[.connection] = nil
                context.write(wrapOutboundOut(.head(head)), promise: promise)
                return
            }
            closesAfterAnswer = head.headerFields[.connection]?.lowercased() == "close"
            if !closesAfterAnswer, requests >= limits.requests {
                closesAfterAnswer = true
                head.headerFields[.connection] = "close"
            }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .head, .body: context.write(data, promise: promise)
        case .end: answered(context, data, promise)
        }
    }

    private func answered(_ context: ChannelHandlerContext, _ data: NIOAny, _ promise: EventLoopPromise<Void>?) {
        isAnswering = false
        unanswered = max(0, unanswered - 1)
        if unanswered > 0 || bodySince == nil { visitor?.ended(at: context.eventLoop.now, wasReceived: true) }
        if kind == .stream {
            if isLast {
                context.flush()
                context.eventLoop.assumeIsolated().scheduleTask(in: Self.goodbye) {
                    context.writeAndFlush(data, promise: promise)
                }
            } else {
                context.write(data, promise: promise)
            }
            // The other side may leave its window closed for ever.
            stalledSince = stalledSince ?? context.eventLoop.now
            look(context)
        } else if closesAfterAnswer {
            context.writeAndFlush(data, promise: promise)
            finish(context)
        } else {
            context.write(data, promise: promise)
        }
    }

    /// Closes after the last answer, so that it arrives.
    private func finish(_ context: ChannelHandlerContext) {
        guard bodySince != nil else {
            context.close(promise: nil)
            return
        }
        lingeringLeft = Self.lingeringBytes
        bodySince = nil
        context.close(mode: .output, promise: nil)
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.lingering) { context.close(promise: nil) }
        context.read()
    }

    private func throwAway(_ part: HTTPRequestPart, left: Int, _ context: ChannelHandlerContext) {
        var rest = left
        if case .body(let buffer) = part { rest -= buffer.readableBytes }
        lingeringLeft = rest
        guard rest > 0, case .body = part else {
            context.close(promise: nil)
            return
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard kind == .connection, let error = error as? HTTPParserError else {
            context.fireErrorCaught(error)
            return
        }
        // Never a second answer to one request, nor one before its turn.
        guard !isAnswering, unanswered == (bodySince == nil ? 0 : 1) else {
            context.close(promise: nil)
            return
        }
        let isTooLarge = error == .headerOverflow
        answer(
            isTooLarge ? .requestHeaderFieldsTooLarge : .badRequest,
            isTooLarge ? "the headers are too large" : "this is not HTTP", context
        )
    }

    // MARK: Time

    /// Closes when something takes too long, else looks again when it would.
    private func look(_ context: ChannelHandlerContext) {
        guard lingeringLeft == nil else { return }
        timer?.cancel()
        timer = nil
        let now = context.eventLoop.now
        var next: NIODeadline?
        if let since = bodySince {
            let earned = Int64(bodyBytes / limits.bodyBytesPerSecond)
            let deadline = since + .seconds(Int64(limits.bodySeconds) + earned)
            guard now < deadline else {
                tooSlow(context)
                return
            }
            next = deadline
        }
        if let since = stalledSince {
            let deadline = since + .seconds(Int64(limits.stallSeconds))
            guard now < deadline else {
                context.close(promise: nil)
                return
            }
            next = min(next ?? deadline, deadline)
        }
        guard let next else { return }
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: next) { self.look(context) }
    }

    /// A body did not arrive in time (RFC 9110 section 15.5.9).
    private func tooSlow(_ context: ChannelHandlerContext) {
        guard !isAnswering, unanswered == 1 else {
            context.close(promise: nil)
            return
        }
        answer(.requestTimeout, "the body arrives too slowly", context)
    }

    /// An answer of our own, and the end of the connection or stream.
    private func answer(_ status: HTTPResponse.Status, _ text: String, _ context: ChannelHandlerContext) {
        let body = ByteBuffer(string: #"{"error":"invalid_request","error_description":"\#(text)"}"#)
        var fields: HTTPFields = [
            .contentType: ContentType.json, .contentLength: String(body.readableBytes),
        ]
        if kind == .connection { fields[.connection] = "close" }
        let head = HTTPResponse(status: status, headerFields: fields)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }

    /// Gives back what the visitor counts of this.
    private func end() {
        timer?.cancel()
        timer = nil
        guard let visitor else { return }
        self.visitor = nil
        let now = NIODeadline.now()
        let receiving = bodySince == nil ? 0 : 1
        for _ in 0..<max(0, unanswered - receiving) { visitor.ended(at: now, wasReceived: true) }
        if receiving > 0 { visitor.ended(at: now, wasReceived: false) }
    }
}
