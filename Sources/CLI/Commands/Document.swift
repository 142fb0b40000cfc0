import JOSE

extension JSONObject {
    /// Sets a member when its flag was given. An empty text takes the value away.
    mutating func set(_ member: String, _ text: String?) {
        guard let text else { return }
        self[member] = text.isEmpty ? .null : .string(text)
    }

    /// Sets a list when its flag was given. One empty text is the empty list.
    mutating func set(_ member: String, _ texts: [String]) {
        guard !texts.isEmpty else { return }
        self[member] = .array(texts.filter { !$0.isEmpty }.map(JSON.string))
    }

    mutating func set(_ member: String, _ choice: (some RawRepresentable<String>)?) {
        set(member, choice?.rawValue)
    }

    mutating func set(_ member: String, _ bool: Bool?) {
        if let bool { self[member] = .bool(bool) }
    }

    mutating func set(_ member: String, _ duration: DurationArgument?) {
        if let duration { self[member] = .integer(Int64(duration.seconds)) }
    }

    mutating func set(_ member: String, _ lifetime: TokenLifetimeArgument?) {
        if let lifetime { self[member] = lifetime.seconds.map { .integer(Int64($0)) } ?? .null }
    }

    /// Sets members that stand for each other: the first with a value takes the place of the others, which become null.
    mutating func set(oneOf ways: [(member: String, value: JSON?)]) {
        guard let chosen = ways.first(where: { $0.value?.isNull == false }) else {
            for way in ways where way.value != nil { self[way.member] = .null }
            return
        }
        for way in ways { self[way.member] = way.member == chosen.member ? chosen.value : .null }
    }
}
