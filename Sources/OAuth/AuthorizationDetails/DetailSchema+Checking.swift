package import JOSE

/// Where a value is not as its schema wants it, and what would be accepted. Repeats no value.
package struct DetailFault: Error, Sendable, Equatable {
    package let path: String
    package let reason: String
}

extension DetailSchema {
    /// How much of an object must be there.
    package enum Completeness: Sendable {
        /// All that is required: what a token carries.
        case whole
        /// What may be pinned later can be left open: what an operator registers as a ceiling.
        case ceiling
    }

    /// - Throws: the first fault.
    package func check(
        _ value: JSON, at path: String, _ completeness: Completeness = .whole
    ) throws(DetailFault) {
        switch kind {
        case .object(let properties): try check(value, members: properties, at: path, completeness)
        case .array(let items, let count, let unique):
            guard let elements = value.array else { throw DetailFault(path: path, reason: "must be a list") }
            guard count.contains(elements.count) else {
                throw DetailFault(path: path, reason: "must have \(Self.words(count)) elements")
            }
            for (index, element) in elements.enumerated() {
                try items.check(element, at: "\(path)[\(index)]", completeness)
            }
            if unique, Self.hasRepetition(elements) {
                throw DetailFault(path: path, reason: "must not have the same element twice")
            }
        case .string(let count):
            guard let text = value.string, text.isPrintable else {
                throw DetailFault(path: path, reason: "must be a text without control characters")
            }
            guard count.contains(text.unicodeScalars.count) else {
                throw DetailFault(path: path, reason: "must have \(Self.words(count)) characters")
            }
        case .number(let bounds, let wholeOnly):
            let isWhole = value.integer != nil
            guard let number = value.exactNumber, isWhole || !wholeOnly else {
                throw DetailFault(
                    path: path,
                    reason: wholeOnly ? "must be an integer, without fraction or exponent" : "must be a number"
                )
            }
            guard bounds.contains(number) else {
                throw DetailFault(path: path, reason: "must be a number from \(Self.words(bounds))")
            }
        case .boolean:
            guard value.bool != nil else { throw DetailFault(path: path, reason: "must be true or false") }
        }
        if let choices, !choices.contains(where: { $0.isSame(as: value) }) {
            throw DetailFault(path: path, reason: "must be one of the values that the schema lists")
        }
    }

    private func check(
        _ value: JSON, members properties: [Property], at path: String, _ completeness: Completeness
    ) throws(DetailFault) {
        guard let object = value.object else { throw DetailFault(path: path, reason: "must be an object") }
        // The object has at most as many members as the request has values, and the schema a bounded number.
        for member in object.members where !properties.contains(where: { $0.name.utf8.elementsEqual(member.name.utf8) })
        {
            throw DetailFault(path: Self.path(path, member.name), reason: "is not a member that the type has")
        }
        for property in properties {
            let inner = Self.path(path, property.name)
            if let member = object[property.name] {
                try property.schema.check(member, at: inner, completeness)
            } else if property.isRequired, completeness == .whole || property.schema.narrowing != .pin {
                throw DetailFault(path: inner, reason: "is required")
            }
        }
    }

    /// Bounded, for the name of an unknown member comes from outside.
    private static func path(_ path: String, _ name: String) -> String { path + "." + String(name.prefix(64)) }

    static func hasRepetition(_ elements: [JSON]) -> Bool {
        for (index, element) in elements.enumerated() {
            if elements[..<index].contains(where: { $0.isSame(as: element) }) { return true }
        }
        return false
    }

    private static func words(_ range: ClosedRange<Int>) -> String {
        range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
    }

    private static func words(_ range: ClosedRange<Double>) -> String {
        "\(words(range.lowerBound)) to \(words(range.upperBound))"
    }

    /// A bound as an operator would write it.
    private static func words(_ bound: Double) -> String {
        Int64(exactly: bound).map { "\($0)" } ?? "\(bound)"
    }
}
