import NIOCore

/// Stands at the socket, before TLS and HTTP: nothing else is made for a connection until its first bytes arrive, and
/// one that rests, or takes too long to say what it wants, is closed.
final class ConnectionWatch: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Stage {
        case silent
        /// The handlers above are being added; this is what arrived meanwhile.
        case opening([NIOAny])
        case open
        case closed
    }

    /// A timer looks at a connection at least as often.
    private static let pace = TimeAmount.seconds(5)
    /// What a connection without a request gets when the server stops, so that TLS can say goodbye.
    private static let goodbye = TimeAmount.milliseconds(250)
    /// What a request under way gets then.
    private static let grace = TimeAmount.seconds(10)

    private let doorkeeper: Doorkeeper
    private let open: () -> EventLoopFuture<Void>
    private let abandon: (any Error) -> Void
    private(set) var visitor: Visitor?
    private var stage = Stage.silent
    private var timer: Scheduled<Void>?
    private var quiescingSince: NIODeadline?
    /// Streams of HTTP/2 so far.
    private var streams = 0
    /// Since when an HTTP/2 connection that has had its requests is ending.
    private var endingSince: NIODeadline?

    /// - Parameters:
    ///   - open: adds the handlers above, when there is something for them to read.
    ///   - abandon: called when the connection ends without that.
    init(
        doorkeeper: Doorkeeper, open: @escaping () -> EventLoopFuture<Void>, abandon: @escaping (any Error) -> Void
    ) {
        self.doorkeeper = doorkeeper
        self.open = open
        self.abandon = abandon
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { arrive(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    func channelActive(context: ChannelHandlerContext) {
        arrive(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch stage {
        case .silent:
            if let visitor {
                visitor.heard(at: context.eventLoop.now)
                doorkeeper.awoke(visitor)
            }
            stage = .opening([data])
            open().assumeIsolated().whenComplete { result in
                switch result {
                case .success: self.opened(context)
                case .failure: context.close(promise: nil)
                }
            }
        case .opening(let waiting): stage = .opening(waiting + [data])
        case .open:
            visitor?.heard(at: context.eventLoop.now)
            context.fireChannelRead(data)
        case .closed: break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        if event is ChannelShouldQuiesceEvent {
            quiescingSince = context.eventLoop.now
            check(context)
        } else if case .silent = stage, let event = event as? ChannelEvent, event == .inputClosed {
            context.close(promise: nil)
        }
    }

    /// One more stream of HTTP/2. With the last that a connection may have it is told to end (RFC 9113 section 6.8), and
    /// what is under way is answered.
    ///
    /// - Returns: whether it was that.
    func streamBegan(on connection: any Channel) -> Bool {
        streams += 1
        guard streams == doorkeeper.limits.requests,
            let context = try? connection.pipeline.syncOperations.context(handler: self)
        else { return false }
        endingSince = context.eventLoop.now
        // For those above: the server is not stopping.
        context.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        check(context)
        return true
    }

    private func opened(_ context: ChannelHandlerContext) {
        guard case .opening(let waiting) = stage else { return }
        stage = .open
        for data in waiting { context.fireChannelRead(data) }
        context.fireChannelReadComplete()
        // The handlers above have not heard that the server is stopping.
        if quiescingSince != nil { context.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    }

    // MARK: Coming and going

    private func arrive(_ context: ChannelHandlerContext) {
        guard visitor == nil, case .silent = stage else { return }
        let here = NIOLoopBound(context, eventLoop: context.eventLoop)
        let visitor = Visitor(
            network: PeerAddress.network(of: context.channel), at: context.eventLoop.now,
            leave: { here.execute { $0.close(promise: nil) } }
        )
        guard doorkeeper.admit(visitor) else {
            context.close(promise: nil)
            return
        }
        self.visitor = visitor
        check(context)
    }

    private func leave() {
        timer?.cancel()
        timer = nil
        if let visitor { doorkeeper.left(visitor) }
        visitor = nil
        switch stage {
        case .silent, .opening: abandon(ChannelError.eof)
        case .open, .closed: break
        }
        stage = .closed
    }

    /// Closes when the time is over, else looks again later.
    private func check(_ context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        guard let visitor else { return }
        let now = context.eventLoop.now
        var deadline = visitor.deadline(doorkeeper.limits)
        if let since = quiescingSince {
            let last = since + (visitor.isIdle ? Self.goodbye : Self.grace)
            deadline = min(deadline ?? last, last)
        } else if let since = endingSince {
            // Whoever was told to end and goes on is cut off.
            let last = since + Self.grace
            deadline = min(deadline ?? last, last)
        } else if let deadline, now >= deadline {
            doorkeeper.timedOut()
        }
        if let deadline, now >= deadline {
            context.close(promise: nil)
            return
        }
        let pace = quiescingSince == nil ? Self.pace : Self.goodbye
        let next = min(deadline ?? .distantFuture, now + pace)
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: next) { self.check(context) }
    }
}

extension NIOLoopBound {
    /// Does something with the value on its event loop, from any thread.
    fileprivate func execute(_ action: @escaping @Sendable (Value) -> Void) {
        eventLoop.execute { action(self.value) }
    }
}
