import FoundationEssentials
import JOSE
package import Logging
import OAuth
import Vault

/// swift-log as one JSON object for each line.
package struct JSONLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level = .info
    private let label: String
    private let sink: LogSink

    package init(label: String, sink: LogSink) {
        self.label = label
        self.sink = sink
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
        sink.write { line in
            line.beginObject()
            line.member("time", AuditTime.format(now.milliseconds))
            line.member("level", event.level.rawValue)
            line.member("label", label)
            line.member("message", event.message.description)
            let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
            for (key, value) in all.sorted(by: { $0.key < $1.key }) where !Self.reserved.contains(key) {
                line.member(key, value.description)
            }
            line.endObject()
        }
        if event.level >= .error { sink.flush() }
    }

    private static let reserved: Set<String> = ["time", "level", "label", "message"]
}
