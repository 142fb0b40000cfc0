import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPTypes
import Testing

@testable import Server

@Suite("One connection, and the requests on it")
struct ConnectionGuardTests {
    private let channel: EmbeddedChannel

    init() throws {
        channel = try Self.channel(.connection)
    }

    private static func channel(
        _ kind: ConnectionGuard.Kind, limits: ConnectionLimits = ConnectionLimits()
    ) throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(handlers: [HalfCloser(), ConnectionGuard(kind, limits: limits)])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 80)).wait()
        return channel
    }

    /// Closes one direction without the other, as a socket does and an embedded channel does not.
    private final class HalfCloser: ChannelOutboundHandler {
        typealias OutboundIn = HTTPResponsePart

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            if mode == .output {
                promise?.succeed()
            } else {
                context.close(mode: mode, promise: promise)
            }
        }
    }

    private func send(_ part: HTTPRequestPart, to channel: EmbeddedChannel? = nil) throws {
        try (channel ?? self.channel).writeInbound(part)
    }

    private func request(_ method: HTTPRequest.Method = .post) -> HTTPRequestPart {
        .head(HTTPRequest(method: method, scheme: "http", authority: "a.example", path: "/token"))
    }

    private func body(_ count: Int) -> HTTPRequestPart { .body(ByteBuffer(repeating: 0x61, count: count)) }

    private func answer(
        _ status: HTTPResponse.Status = .ok, _ fields: HTTPFields = [:], on channel: EmbeddedChannel? = nil
    ) throws {
        let channel = channel ?? self.channel
        try channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: status, headerFields: fields)))
        try channel.writeOutbound(HTTPResponsePart.end(nil))
    }

    /// The heads that went out since it was asked last.
    private func heads(_ channel: EmbeddedChannel? = nil) throws -> [HTTPResponse] {
        var heads: [HTTPResponse] = []
        while let part = try (channel ?? self.channel).readOutbound(as: HTTPResponsePart.self) {
            if case .head(let head) = part { heads.append(head) }
        }
        return heads
    }

    private func pass(_ time: TimeAmount, on channel: EmbeddedChannel? = nil) {
        (channel ?? self.channel).embeddedEventLoop.advanceTime(by: time)
    }

    @Test("HOST-06 a body that comes a byte at a time is answered with 408, and the connection closed")
    func slowBody() throws {
        try send(request())
        for _ in 0..<14 {
            pass(.seconds(1))
            try send(body(1))
        }
        #expect(channel.isActive)
        pass(.seconds(2))
        #expect(!channel.isActive)
        let answers = try heads()
        #expect(answers.map(\.status) == [.requestTimeout])
        #expect(answers.first?.headerFields[.connection] == "close")
    }

    @Test("a large body at a modest rate is read to its end")
    func steadyBody() throws {
        try send(request())
        for _ in 0..<120 {
            pass(.seconds(1))
            try send(body(1100))
        }
        try send(.end(nil))
        try answer()
        pass(.seconds(60))
        #expect(channel.isActive)
        #expect(try heads().map(\.status) == [.ok])
    }

    @Test("a slow body whose request is answered already gets no second answer")
    func answeredEarly() throws {
        try send(request())
        try answer(.unauthorized)
        pass(.seconds(16))
        #expect(!channel.isActive)
        #expect(try heads().map(\.status) == [.unauthorized])
    }

    @Test("a body that nobody needs is not read for ever")
    func useless() throws {
        try send(request())
        try answer(.unauthorized)
        for _ in 0..<20 where channel.isActive { try send(body(65_536)) }
        #expect(!channel.isActive)
    }

    @Test("an answer that says so ends the connection")
    func close() throws {
        try send(request(.get))
        try send(.end(nil))
        try answer(.ok, [.connection: "close"])
        #expect(!channel.isActive)
    }

    @Test("HOST-01 what still comes in after such an answer is thrown away for a moment, so that the answer arrives")
    func lingering() throws {
        try send(request())
        try answer(.contentTooLarge, [.connection: "close"])
        #expect(channel.isActive)
        let before = try channel.readInbound(as: HTTPRequestPart.self)
        #expect(before != nil)
        try send(body(1000))
        #expect(try channel.readInbound(as: HTTPRequestPart.self) == nil)
        pass(.seconds(3))
        #expect(!channel.isActive)
    }

    @Test("what is not HTTP is 400, and a head that is too large 431")
    func parserErrors() throws {
        for (error, status) in [(HTTPParserError.invalidMethod, 400), (.headerOverflow, 431)] {
            let channel = try Self.channel(.connection)
            channel.pipeline.fireErrorCaught(error)
            #expect(try heads(channel).map(\.status.code) == [status])
            #expect(!channel.isActive)
        }
    }

    @Test("HOST-04 nothing is answered before its turn, nor into another answer")
    func noSecondAnswer() throws {
        try send(request(.get))
        try send(.end(nil))
        channel.pipeline.fireErrorCaught(HTTPParserError.invalidMethod)
        #expect(!channel.isActive)
        #expect(try heads().isEmpty)

        let other = try Self.channel(.connection)
        try send(request(), to: other)
        try other.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: .ok)))
        other.pipeline.fireErrorCaught(HTTPParserError.invalidChunkSize)
        #expect(try heads(other).map(\.status) == [.ok])
        #expect(!other.isActive)
    }

    @Test("too many requests on their way at once end the connection")
    func pipelining() throws {
        for _ in 0..<64 {
            try send(request(.get))
            try send(.end(nil))
        }
        #expect(channel.isActive)
        try send(request(.get))
        #expect(!channel.isActive)
    }

    @Test("the last request of a connection is told so")
    func manyRequests() throws {
        var limits = ConnectionLimits()
        #expect(limits.requests == 10_000)
        limits.requests = 20
        let channel = try Self.channel(.connection, limits: limits)
        for number in 1...20 {
            try send(request(.get), to: channel)
            try send(.end(nil), to: channel)
            try answer(on: channel)
            let last = try heads(channel).first
            #expect((last?.headerFields[.connection] == "close") == (number == 20))
        }
        #expect(!channel.isActive)
    }

    @Test("a reader who takes nothing is cut off after half a minute")
    func stalled() throws {
        try send(request(.get))
        try send(.end(nil))
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        pass(.seconds(29))
        #expect(channel.isActive)
        pass(.seconds(2))
        #expect(!channel.isActive)
    }

    @Test("a reader who takes some in time is not")
    func slowReader() throws {
        try send(request(.get))
        try send(.end(nil))
        for _ in 0..<5 {
            channel.isWritable = false
            channel.pipeline.fireChannelWritabilityChanged()
            pass(.seconds(20))
            channel.isWritable = true
            channel.pipeline.fireChannelWritabilityChanged()
            pass(.seconds(20))
        }
        #expect(channel.isActive)
    }

    @Test("an HTTP/2 stream whose answer is never taken is ended, and says nothing of the connection")
    func stream() throws {
        let channel = try Self.channel(.stream)
        try send(request(.get), to: channel)
        try send(.end(nil), to: channel)
        try answer(.ok, [.connection: "close"], on: channel)
        let answers = try heads(channel)
        #expect(answers.map(\.status) == [.ok])
        #expect(answers.first?.headerFields[.connection] == nil)
        #expect(channel.isActive)
        pass(.seconds(31), on: channel)
        #expect(!channel.isActive)
    }

    @Test("a slow body on a stream is told so, and ends the stream")
    func slowStream() throws {
        let channel = try Self.channel(.stream)
        try send(request(), to: channel)
        pass(.seconds(16), on: channel)
        #expect(!channel.isActive)
        let answers = try heads(channel)
        #expect(answers.map(\.status) == [.requestTimeout])
        #expect(answers.first?.headerFields[.connection] == nil)
    }
}
