import Glibc
import JOSE
import Testing

@testable import Server

@Suite("Log lines are collected and written behind the requests' back")
struct LogSinkTests {
    private func line(_ number: Int, padding: Int = 0) -> (inout JSONWriter) -> Void {
        { json in
            json.beginObject()
            json.member("number", Int64(number))
            if padding > 0 { json.member("padding", String(repeating: "x", count: padding)) }
            json.endObject()
        }
    }

    @Test("lines are written soon, without anybody asking")
    func soon() async throws {
        let pipe = try Pipe()
        let sink = LogSink(descriptor: pipe.input)
        sink.write(line(1))
        #expect(pipe.hasBytes(withinMilliseconds: 5000))
        sink.write(line(2))
        sink.write(urgent: true, line(3))
        sink.write(line(4))
        sink.flush()
        let lines = pipe.reading()
        pipe.finish()
        #expect(await lines.value == [#"{"number":1}"#, #"{"number":2}"#, #"{"number":3}"#, #"{"number":4}"#])
    }

    @Test("lines of many tasks come out whole, each task's in order")
    func whole() async throws {
        let pipe = try Pipe()
        let sink = LogSink(descriptor: pipe.input)
        let reading = pipe.reading()
        await withTaskGroup { group in
            for task in 0..<8 {
                group.addTask {
                    for step in 0..<500 { sink.write(urgent: step % 50 == 0, line(task * 1000 + step, padding: step)) }
                }
            }
        }
        sink.flush()
        pipe.finish()
        let numbers = try await reading.value.map { line in
            try #require(try JSON(parsing: Array(line.utf8)).object?["number"]?.integer)
        }
        #expect(numbers.count == 4000)
        for task in 0..<8 {
            #expect(numbers.filter { $0 / 1000 == task } == (0..<500).map { Int64(task * 1000 + $0) })
        }
    }

    @Test("nobody waits for a reader that is stuck: lines are dropped and counted")
    func stuck() async throws {
        let pipe = try Pipe()
        let sink = LogSink(descriptor: pipe.input)
        let total = 10_000
        let start = ContinuousClock.now
        for number in 0..<total { sink.write(urgent: number == 0, line(number, padding: 1000)) }
        #expect(ContinuousClock.now - start < .seconds(20))
        // Stopping does not wait for ever either.
        let stop = ContinuousClock.now
        sink.flush()
        #expect(ContinuousClock.now - stop < .seconds(20))

        let reading = pipe.reading()
        sink.flush()
        sink.flush()
        pipe.finish()
        let lines = try await reading.value.map { line in try #require(try JSON(parsing: Array(line.utf8)).object) }
        let numbers = lines.compactMap { $0["number"]?.integer }
        let dropped = lines.filter { $0["message"]?.string == "log lines were dropped" }
            .compactMap { $0["count"]?.integer }.reduce(0, +)
        #expect(dropped > 0)
        #expect(Int64(numbers.count) + dropped == Int64(total))
        #expect(numbers == numbers.sorted())
        #expect(numbers.count * 1000 <= LogSink.capacity)
    }

    @Test("a sink is at work again after its reader was stuck")
    func again() async throws {
        let pipe = try Pipe()
        let sink = LogSink(descriptor: pipe.input)
        for number in 0..<6000 { sink.write(line(number, padding: 1000)) }
        let reading = pipe.reading()
        sink.flush()
        sink.flush()
        sink.write(line(99_999))
        sink.flush()
        pipe.finish()
        #expect(await reading.value.last == #"{"number":99999}"#)
    }
}
