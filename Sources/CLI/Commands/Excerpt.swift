import JOSE

/// A JSON answer as the tour shows it: short, and with nothing that must stay secret.
///
/// Members without a value are left out, tokens are cut, secrets and key sets are blanked, and whatever fits on one
/// line stands on one line.
struct Excerpt {
    private let json: JSON
    /// Members of the answer that are not shown at all; `…` says so.
    private let isPartial: Bool

    static let width = 92
    private static let cut = "…"

    /// - Parameter members: the only members to show; nil for all.
    init(_ json: JSON, only members: [String]? = nil) {
        guard let members, let object = json.object else {
            self.json = Self.shortened(json)
            isPartial = false
            return
        }
        var part = JSONObject()
        for name in members { part[name] = object[name] }
        self.json = Self.shortened(.object(part))
        isPartial = part.count < object.count
    }

    var text: String { Self.layOut(json, indent: 0, isPartial: isPartial) }

    private static func shortened(_ json: JSON) -> JSON {
        switch json {
        case .string(let text) where text.hasPrefix("eyJ"): return .string("eyJ" + cut)
        case .array(let elements): return .array(elements.map(shortened))
        case .object(let object):
            var short = JSONObject()
            for (name, value) in object.members where !isEmpty(value) {
                short[name] = ["client_secret", "jwks", "value"].contains(name) ? .string(cut) : shortened(value)
            }
            return .object(short)
        default: return json
        }
    }

    private static func isEmpty(_ json: JSON) -> Bool {
        switch json {
        case .null: true
        case .array(let elements): elements.isEmpty
        default: false
        }
    }

    private static func layOut(_ json: JSON, indent: Int, isPartial: Bool = false) -> String {
        let line = oneLine(json, isPartial: isPartial)
        let margin = String(repeating: " ", count: indent + 2)
        let end = "\n" + String(repeating: " ", count: indent)
        if line.count + indent <= width { return line }
        switch json {
        case .array(let elements):
            return "[\n" + elements.map { margin + layOut($0, indent: indent + 2) }.joined(separator: ",\n") + end + "]"
        case .object(let object):
            var parts = object.members.map {
                "\(margin)\(JSON.string($0.name).text): \(layOut($0.value, indent: indent + 2))"
            }
            if isPartial { parts.append(margin + cut) }
            return "{\n" + parts.joined(separator: ",\n") + end + "}"
        default: return line
        }
    }

    private static func oneLine(_ json: JSON, isPartial: Bool = false) -> String {
        switch json {
        case .array(let elements): return "[" + elements.map { oneLine($0) }.joined(separator: ", ") + "]"
        case .object(let object):
            var parts = object.members.map { "\(JSON.string($0.name).text): \(oneLine($0.value))" }
            if isPartial { parts.append(cut) }
            return "{" + parts.joined(separator: ", ") + "}"
        default: return json.text
        }
    }
}
