import OAuth
import Storage
import Support
import Testing

@Suite("Events that have to be delivered")
struct EventQueueTests {
    private struct NotAName: Error {}

    private func id(_ text: String) throws -> ReceiverID {
        guard let id = ReceiverID(text) else { throw NotAName() }
        return id
    }

    private func receiver(_ name: String, isFull: Bool = false) throws -> EventReceiver {
        if !isFull {
            return EventReceiver(
                id: try id(name), endpoint: nil, clientID: World.id(name), audience: name, createdAt: Sample.time)
        }
        return EventReceiver(
            id: try id(name), endpoint: "https://\(name).example.com/é", clientID: World.id("planner"),
            audience: "urn:x y", events: [.credentialChange], allowPrivateNetwork: true, enabled: false,
            authorization: [1, 0, 2], authorizationSetAt: Sample.later, createdAt: Sample.time, revision: 7
        )
    }

    private func event(_ number: Int, to name: String = "a", at time: Timestamp = Sample.time) throws -> OutgoingEvent {
        OutgoingEvent(receiver: try id(name), jti: "jti-\(number)", claims: "{\"n\":\(number)}", createdAt: time)
    }

    @Test("receivers keep every member, and are listed by id", arguments: Engine.allCases)
    func receivers(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let made = [try receiver("a"), try receiver("b", isFull: true)]
        for receiver in made { #expect(try await installation.commit(.create(.receiver(receiver))) == nil) }
        let again = try await installation.reopened()
        #expect(try await again.load().receivers.sorted { $0.id < $1.id } == made)
        let page = try await again.store.page(
            of: .receiver, after: "a", limit: 10, filter: DelegationFilter(now: Sample.time))
        #expect(page.map(\.registered.identifier) == ["b"])
        var changed = made[0]
        changed.enabled = false
        changed.revision = 2
        #expect(try await again.commit(.update(.receiver(changed), from: 1)) == nil)
        #expect(try await again.commit(.update(.receiver(changed), from: 1)) == .stale("a"))
        #expect(try await again.commit(.delete(.receiver(changed))) == nil)
        #expect(try await again.commit(.delete(.receiver(changed))) == .missing("a"))
    }

    @Test("a client polls one stream only", arguments: Engine.allCases)
    func onePoll(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let first = try receiver("a")
        let second = EventReceiver(
            id: try id("z"), endpoint: nil, clientID: first.clientID, audience: "z", createdAt: Sample.time)
        try await installation.commit(.create(.receiver(first)))
        #expect(try await installation.commit(.create(.receiver(second))) == .exists("z"))
    }

    @Test("events stay, oldest first, until they are acknowledged", arguments: Engine.allCases)
    func queue(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(.create(.receiver(try receiver("a"))), .create(.receiver(try receiver("b"))))
        let events = try (1...4).map { try event($0) }
        for event in events.reversed() { try await installation.commit(.enqueue(event)) }
        try await installation.commit(.enqueue(try event(1, to: "b")))
        let a = try id("a")
        let again = try await installation.reopened()
        #expect(try await again.store.events(for: a, limit: 3) == Array(events.prefix(3)))
        try await again.commit(.acknowledge(a, ["jti-1", "jti-3", "unknown"]))
        #expect(try await again.store.events(for: a, limit: 10) == [events[1], events[3]])
        #expect(try await again.store.waiting(["jti-1", "jti-2"], for: a) == ["jti-2"])
        #expect(try await again.store.events(for: try id("b"), limit: 10).count == 1)
    }

    @Test("a receiver takes its events with it, and one that is gone gets none", arguments: Engine.allCases)
    func gone(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(.create(.receiver(try receiver("a"))), .enqueue(try event(1)))
        try await installation.commit(.delete(.receiver(try receiver("a"))))
        #expect(try await installation.commit(.enqueue(try event(2))) == nil)
        try await installation.commit(.create(.receiver(try receiver("a"))))
        #expect(try await installation.store.events(for: try id("a"), limit: 10).isEmpty)
    }

    @Test("what is too old or too much is named, the oldest first", arguments: Engine.allCases)
    func surplus(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(.create(.receiver(try receiver("a"))))
        for number in 1...5 {
            let time = number < 3 ? Sample.time : Sample.later
            try await installation.commit(.enqueue(try event(number, at: time)))
        }
        func surplus(keeping limit: Int, since: Timestamp) async throws -> [String] {
            try await installation.store.surplusEvents(of: try id("a"), keeping: limit, since: since)
        }
        #expect(try await surplus(keeping: 5, since: Sample.time).isEmpty)
        #expect(try await surplus(keeping: 5, since: Sample.later) == ["jti-1", "jti-2"])
        #expect(try await surplus(keeping: 2, since: Sample.time) == ["jti-1", "jti-2", "jti-3"])
    }
}
