import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import Server

@Suite("Who stays when there is no room")
struct DoorkeeperTests {
    private final class Gone: Sendable {
        let names = Mutex<[String]>([])
        var all: [String] { names.withLock { $0 } }
    }

    private let gone = Gone()

    private func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(1000 + seconds) }

    private func visitor(_ name: String, from network: String = "192.0.2.1", at seconds: Int64 = 0) -> Visitor {
        Visitor(network: network, at: at(seconds)) { [gone] in gone.names.withLock { $0.append(name) } }
    }

    @Test("HOST-08 at the limit the one that has been idle longest goes")
    func idlest() {
        let doorkeeper = Doorkeeper(limits: ConnectionLimits(connections: 3, perAddress: 3))
        for number in 0..<5 { #expect(doorkeeper.admit(visitor("\(number)", at: Int64(number)))) }
        #expect(gone.all == ["0", "1"])
        #expect(doorkeeper.tallies == .init(open: 3, evicted: 2, turnedAway: 0, timedOut: 0))
    }

    @Test("whoever is being answered stays, and then the newcomer has to go")
    func answered() {
        let doorkeeper = Doorkeeper(limits: ConnectionLimits(connections: 2, perAddress: 2))
        for name in ["one", "other"] {
            let visitor = visitor(name)
            #expect(doorkeeper.admit(visitor))
            #expect(visitor.began(at: at(1), isStream: false))
            visitor.received(at: at(2))
        }
        #expect(!doorkeeper.admit(visitor("late", at: 9)))
        #expect(gone.all.isEmpty)
        #expect(doorkeeper.tallies.turnedAway == 1)
    }

    @Test("strangers go before those that rest, and those before whoever is sending")
    func ranks() {
        let doorkeeper = Doorkeeper(limits: ConnectionLimits(connections: 3, perAddress: 3))
        let sending = visitor("sending", at: 0)
        let resting = visitor("resting", at: 1)
        let stranger = visitor("stranger", at: 5)
        for visitor in [sending, resting, stranger] { #expect(doorkeeper.admit(visitor)) }
        #expect(sending.began(at: at(1), isStream: false))
        #expect(resting.began(at: at(1), isStream: false))
        resting.received(at: at(2))
        resting.ended(at: at(3), wasReceived: true)
        for number in 0..<3 {
            let busy = visitor("busy \(number)", at: 10)
            #expect(doorkeeper.admit(busy))
            #expect(busy.began(at: at(11), isStream: false))
            busy.received(at: at(12))
        }
        #expect(gone.all == ["stranger", "resting", "sending"])
    }

    @Test("a crowd from one network pushes out itself")
    func crowd() {
        let doorkeeper = Doorkeeper(limits: ConnectionLimits(connections: 200, perAddress: 180))
        for number in 0..<20 {
            #expect(doorkeeper.admit(visitor("honest", from: "198.51.100.\(number)", at: Int64(-number))))
        }
        for number in 0..<5000 { #expect(doorkeeper.admit(visitor("crowd", from: "203.0.113.1", at: Int64(number)))) }
        #expect(Set(gone.all) == ["crowd"])
        #expect(doorkeeper.tallies.open <= 200)
    }

    @Test("nobody starts a request after having been sent away")
    func dismissed() {
        let doorkeeper = Doorkeeper(limits: ConnectionLimits(connections: 1, perAddress: 1))
        let first = visitor("first")
        #expect(doorkeeper.admit(first))
        #expect(doorkeeper.admit(visitor("second", at: 1)))
        #expect(!first.began(at: at(2), isStream: false))
    }

    @Test("connections that have sent something are fewer than those that may be silent")
    func awake() {
        let limits = ConnectionLimits(connections: 300, perAddress: 300)
        let doorkeeper = Doorkeeper(limits: limits)
        for number in 0..<300 {
            let visitor = visitor("\(number)", at: Int64(number))
            #expect(doorkeeper.admit(visitor))
            doorkeeper.awoke(visitor)
        }
        #expect(doorkeeper.tallies.open <= limits.awake)
        #expect(gone.all.first == "0")
    }

    @Test("nothing is left of 200,000 connections that came and went")
    func balanced() {
        let doorkeeper = Doorkeeper()
        for number in 0..<200_000 {
            let visitor = visitor("x", from: "10.0.\(number & 255).\(number >> 8)")
            #expect(doorkeeper.admit(visitor))
            doorkeeper.awoke(visitor)
            doorkeeper.left(visitor)
            doorkeeper.left(visitor)
        }
        #expect(doorkeeper.tallies.open == 0)
        #expect(gone.all.isEmpty)
    }
}

@Suite("A connection before its first request")
struct ConnectionWatchTests {
    private final class Opened: Sendable {
        let counts = Mutex((opened: 0, abandoned: 0))
    }

    private let opened = Opened()
    private let doorkeeper = Doorkeeper()

    private func connected() throws -> (EmbeddedChannel, ConnectionWatch) {
        let channel = EmbeddedChannel()
        let loop = channel.embeddedEventLoop
        let watch = ConnectionWatch(
            doorkeeper: doorkeeper,
            open: { [opened] in
                opened.counts.withLock { $0.opened += 1 }
                return loop.makeSucceededVoidFuture()
            },
            abandon: { [opened] _ in opened.counts.withLock { $0.abandoned += 1 } }
        )
        try channel.pipeline.syncOperations.addHandler(watch)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 80)).wait()
        return (channel, watch)
    }

    private func now(_ channel: EmbeddedChannel) -> NIODeadline { channel.embeddedEventLoop.now }

    @Test("HOST-08 one that never says anything is closed, and nothing was made for it")
    func silent() throws {
        let (channel, _) = try connected()
        channel.embeddedEventLoop.advanceTime(by: .seconds(19))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
        #expect(opened.counts.withLock(\.opened) == 0)
        #expect(opened.counts.withLock(\.abandoned) == 1)
        #expect(doorkeeper.tallies == .init(open: 0, evicted: 0, turnedAway: 0, timedOut: 1))
    }

    @Test("HOST-05 a head that comes a byte at a time is cut off after twenty seconds")
    func slowHead() throws {
        let (channel, _) = try connected()
        for _ in 0..<19 {
            try channel.writeInbound(ByteBuffer(string: "x"))
            channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        }
        #expect(channel.isActive)
        #expect(opened.counts.withLock(\.opened) == 1)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
    }

    @Test("HOST-05 the same on a connection that has rested")
    func slowHeadLater() throws {
        let (channel, watch) = try connected()
        try channel.writeInbound(ByteBuffer(string: "GET"))
        let visitor = try #require(watch.visitor)
        #expect(visitor.began(at: now(channel), isStream: false))
        visitor.received(at: now(channel))
        visitor.ended(at: now(channel), wasReceived: true)
        channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        #expect(channel.isActive)
        for _ in 0..<5 {
            try channel.writeInbound(ByteBuffer(string: "x"))
            channel.embeddedEventLoop.advanceTime(by: .seconds(5))
        }
        #expect(!channel.isActive)
    }

    @Test("a request that takes long is not cut off here, and a rest has its limit")
    func busyAndResting() throws {
        let (channel, watch) = try connected()
        try channel.writeInbound(ByteBuffer(string: "GET"))
        let visitor = try #require(watch.visitor)
        #expect(visitor.began(at: now(channel), isStream: false))
        visitor.received(at: now(channel))
        channel.embeddedEventLoop.advanceTime(by: .hours(1))
        #expect(channel.isActive)
        visitor.ended(at: now(channel), wasReceived: true)
        channel.embeddedEventLoop.advanceTime(by: .seconds(70))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(11))
        #expect(!channel.isActive)
    }

    @Test("when the server stops, a connection without a request goes within half a second")
    func quiescing() throws {
        let (channel, watch) = try connected()
        try channel.writeInbound(ByteBuffer(string: "GET"))
        let visitor = try #require(watch.visitor)
        #expect(visitor.began(at: now(channel), isStream: false))
        visitor.received(at: now(channel))
        channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(channel.isActive)
        visitor.ended(at: now(channel), wasReceived: true)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(500))
        #expect(!channel.isActive)
    }

    @Test("and one with a request that never ends, after ten seconds")
    func quiescingForEver() throws {
        let (channel, watch) = try connected()
        try channel.writeInbound(ByteBuffer(string: "GET"))
        #expect(try #require(watch.visitor).began(at: now(channel), isStream: false))
        channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        channel.embeddedEventLoop.advanceTime(by: .seconds(9))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
    }
}
