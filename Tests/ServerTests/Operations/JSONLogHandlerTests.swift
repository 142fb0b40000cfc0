import JOSE
import Logging
import Testing

@testable import Server

@Suite("swift-log as one JSON object a line")
struct JSONLogHandlerTests {
    private func lines(_ body: (inout Logger) -> Void) async throws -> [String] {
        let pipe = try Pipe()
        let sink = LogSink(descriptor: pipe.input)
        var logger = Logger(label: "legate.test") {
            JSONLogHandler(label: $0, sink: sink, now: { 1_700_000_000_123 })
        }
        body(&logger)
        sink.flush()
        let reading = pipe.reading()
        pipe.finish()
        return await reading.value
    }

    @Test("time, level, label and message come first, metadata follows by name")
    func order() async throws {
        let lines = try await lines { logger in
            logger[metadataKey: "b"] = "of the logger"
            logger.info("hello", metadata: ["a": "1", "c": ["x": "y", "list": ["1", "2"]]])
            logger.debug("not shown")
            logger.error("failed", metadata: ["b": "of the event"])
        }
        let time = #""time":"2023-11-14T22:13:20.123Z""#
        #expect(
            lines == [
                #"{\#(time),"level":"info","label":"legate.test","message":"hello","a":"1","b":"of the logger","#
                    + #""c":{"list":["1","2"],"x":"y"}}"#,
                #"{\#(time),"level":"error","label":"legate.test","message":"failed","b":"of the event"}"#,
            ])
    }

    @Test("hostile text stays within its member and its line")
    func hostile() async throws {
        let texts = [
            "two\nlines\r\n", #"quote " and \ backslash"#, "\u{0}\u{1}\u{1F}\u{7F}", "\u{2028}\u{2029}", "🧨é\u{301}",
            #"","level":"forged"#, "}\n{\"level\":\"info\"}",
        ]
        let lines = try await lines { logger in
            for text in texts { logger.info("\(text)", metadata: [text: "\(text)"]) }
        }
        #expect(lines.count == texts.count)
        for (line, text) in zip(lines, texts) {
            let object = try #require(try JSON(parsing: Array(line.utf8)).object)
            #expect(object["message"]?.string == text)
            #expect(object[text]?.string == text)
            #expect(object["level"]?.string == "info")
        }
    }

    @Test("metadata with the name of one of our members does not replace it, nor make it stand there twice")
    func reserved() async throws {
        let lines = try await lines { logger in
            logger.info(
                "mine",
                metadata: ["message": "theirs", "level": "forged", "metadata.message": "third", "time": "never"]
            )
        }
        // The parser refuses an object that has a name twice.
        let line = try #require(lines.first)
        let object = try #require(try JSON(parsing: Array(line.utf8)).object)
        #expect(object["message"]?.string == "mine")
        #expect(object["level"]?.string == "info")
        #expect(object["metadata.message"]?.string == "third")
        #expect(object["metadata.metadata.message"]?.string == "theirs")
        #expect(object["metadata.time"]?.string == "never")
    }

    @Test("metadata nested deeply becomes text")
    func deep() async throws {
        let lines = try await lines { logger in
            var value: Logger.Metadata.Value = "bottom"
            for _ in 0..<100 { value = ["in": value] }
            logger.info("deep", metadata: ["value": value])
        }
        let object = try JSON(parsing: Array(try #require(lines.first).utf8)).object
        #expect(object?["message"]?.string == "deep")
    }

    @Test("a metadata provider is asked for each line")
    func provider() async throws {
        let lines = try await lines { logger in
            logger.handler.metadataProvider = Logger.MetadataProvider { ["request": "r1"] }
            logger.info("hello")
        }
        #expect(lines.first?.hasSuffix(#""message":"hello","request":"r1"}"#) == true)
    }
}
