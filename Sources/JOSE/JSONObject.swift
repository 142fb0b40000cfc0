/// The members of a JSON object, in order. Every name is there once.
///
/// Names are compared byte by byte. Looking one up takes time in proportion to the number of members, which is small
/// for everything that Legate reads on the path of a request.
package struct JSONObject: Sendable {
    /// The members in the order in which they were written.
    package private(set) var members: [(name: String, value: JSON)]

    package init() { members = [] }

    init(_ elements: [(String, JSON)]) {
        members = []
        members.reserveCapacity(elements.count)
        for (name, value) in elements { self[name] = value }
    }

    /// - Parameter members: without any repeated name.
    init(distinct members: [(name: String, value: JSON)]) { self.members = members }

    package var count: Int { members.count }
    package var isEmpty: Bool { members.isEmpty }

    /// The value of a member; nil when there is none. A member that is null has the value `.null`.
    ///
    /// A new member goes to the end, a changed one stays in its place, and setting nil removes.
    package subscript(name: String) -> JSON? {
        get {
            for member in members where member.name.isExactly(name) { return member.value }
            return nil
        }
        set {
            let index = members.firstIndex { $0.name.isExactly(name) }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append((name, value))
            case (nil, nil): break
            }
        }
    }

    /// The object as JSON in UTF-8, without white space.
    package var serialized: [UInt8] { JSON.object(self).serialized }

    /// The object as JSON, without white space.
    package var text: String { JSON.object(self).text }

    /// The object changed by a JSON Merge Patch (RFC 7396, 2): null removes a member, an object is merged into the
    /// member, anything else takes its place.
    package func merging(patch: JSONObject) -> JSONObject {
        var slots: [(name: String, value: JSON?)] = members.map { ($0.name, $0.value) }
        var places: [[UInt8]: Int] = [:]
        for (index, slot) in slots.enumerated() { places[Array(slot.name.utf8)] = index }
        for (name, value) in patch.members {
            let key = Array(name.utf8)
            let place = places[key]
            let merged: JSON?
            switch value {
            case .null: merged = nil
            case .object(let inner):
                let old = place.flatMap { slots[$0].value?.object } ?? JSONObject()
                merged = .object(old.merging(patch: inner))
            default: merged = value
            }
            if let place {
                slots[place].value = merged
            } else if let merged {
                places[key] = slots.count
                slots.append((name, merged))
            }
        }
        return JSONObject(distinct: slots.compactMap { slot in slot.value.map { (slot.name, $0) } })
    }
}

extension JSONObject: Equatable {
    /// Whether both have the same members, in any order (RFC 8259, 4).
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        if zip(left.members, right.members).allSatisfy({ $0.name.isExactly($1.name) }) {
            return zip(left.members, right.members).allSatisfy { $0.value == $1.value }
        }
        var values: [[UInt8]: JSON] = [:]
        for (name, value) in left.members { values[Array(name.utf8)] = value }
        return right.members.allSatisfy { values[Array($0.name.utf8)] == $0.value }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// When a name is given twice, the last value counts.
    package init(dictionaryLiteral elements: (String, JSON)...) { self.init(elements) }
}
