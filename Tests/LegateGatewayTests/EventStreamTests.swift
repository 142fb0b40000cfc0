import Testing

@testable import LegateGateway

@Suite("Server-sent events")
struct EventStreamTests {
    @Test("events are found wherever the pieces are cut", arguments: 1...7, ["\n", "\r\n", "\r"])
    func pieces(size: Int, end: String) throws {
        let lines = [
            ": heartbeat", "id: 3", "data: one", "", "id:4", "data:two", "data:  three", "retry: 5", "", ": x", "",
        ]
        let text = Array(lines.map { $0 + end }.joined().utf8)
        var stream = EventStream(limit: 1000)
        var found: [String] = []
        for start in stride(from: 0, to: text.count, by: size) { found += try stream.take(text[start...].prefix(size)) }
        #expect(found == ["one", "two\n three"])
    }

    @Test("an event that is not complete is not given")
    func incomplete() throws {
        var stream = EventStream(limit: 1000)
        #expect(try stream.take("data: one\n".utf8).isEmpty)
        #expect(try stream.take("\n".utf8) == ["one"])
    }

    @Test("a line or an event without an end is an error, not memory", arguments: [false, true])
    func limit(breaksLines: Bool) throws {
        var stream = EventStream(limit: 100)
        let piece = breaksLines ? "data: x\n" : "data: xx"
        #expect(throws: EventStream.TooLong.self) {
            for _ in 0..<200 { _ = try stream.take(piece.utf8) }
        }
    }
}
