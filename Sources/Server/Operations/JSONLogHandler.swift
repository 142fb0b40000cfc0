import JOSE
package import Logging
import Vault

/// swift-log as one JSON object for each line: `time`, `level`, `label`, `message`, then the metadata as members.
package struct JSONLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level = .info
    private let label: String
    private let sink: LogSink
    /// Milliseconds since 1970.
    private let now: @Sendable () -> Int64

    package init(label: String, sink: LogSink) { self.init(label: label, sink: sink, now: WallClock.milliseconds) }

    init(label: String, sink: LogSink, now: @escaping @Sendable () -> Int64) {
        self.label = label
        self.sink = sink
        self.now = now
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        sink.write(urgent: event.level >= .error) { line in
            line.beginObject()
            line.member("time", RFC3339Time.format(now()))
            line.member("level", event.level.rawValue)
            line.member("label", label)
            line.member("message", event.message.description)
            let members = members(of: event)
            for (key, value) in members.sorted(by: { $0.key < $1.key }) {
                line.name(Self.name(for: key, among: members))
                Self.write(value, to: &line, depth: 0)
            }
            line.endObject()
        }
    }

    /// What is said closest to the event counts.
    private func members(of event: LogEvent) -> Logger.Metadata {
        var members = metadata
        if let provided = metadataProvider?.get() { members.merge(provided) { _, new in new } }
        if let error = event.error { members["error"] = "\(error)" }
        if let own = event.metadata { members.merge(own) { _, new in new } }
        return members
    }

    private static let reserved: Set<String> = ["time", "level", "label", "message"]

    /// A name of its own for a member that has the name of one of ours: no object has a name twice.
    private static func name(for key: String, among members: Logger.Metadata) -> String {
        var name = key
        while reserved.contains(name) || (name != key && members[name] != nil) { name = "metadata." + name }
        return name
    }

    /// Values within values beyond this are written as text.
    private static let depth = 8

    private static func write(_ value: Logger.Metadata.Value, to line: inout JSONWriter, depth: Int) {
        switch value {
        case .dictionary(let members) where depth < Self.depth:
            line.beginObject()
            for (key, value) in members.sorted(by: { $0.key < $1.key }) {
                line.name(key)
                write(value, to: &line, depth: depth + 1)
            }
            line.endObject()
        case .array(let elements) where depth < Self.depth:
            line.beginArray()
            for element in elements { write(element, to: &line, depth: depth + 1) }
            line.endArray()
        default: line.value(value.description)
        }
    }
}
