import JOSE

extension JSON {
    /// Whether both are the same value to every reader: texts byte by byte, numbers by what they are worth.
    ///
    /// `==` takes texts that are canonically equivalent for the same, which whoever enforces a detail need not do.
    func isSame(as other: JSON) -> Bool {
        switch (self, other) {
        case (.null, .null): return true
        case (.bool(let left), .bool(let right)): return left == right
        case (.integer(let left), .integer(let right)): return left == right
        case (.integer, .number), (.number, .integer), (.number, .number):
            guard let left = exactNumber, let right = other.exactNumber else { return false }
            return left == right
        case (.string(let left), .string(let right)): return left.utf8.elementsEqual(right.utf8)
        case (.array(let left), .array(let right)):
            return left.count == right.count && zip(left, right).allSatisfy { $0.isSame(as: $1) }
        case (.object(let left), .object(let right)):
            guard left.count == right.count else { return false }
            return left.members.allSatisfy { member in right[member.name].map { member.value.isSame(as: $0) } ?? false }
        default: return false
        }
    }

    /// The number, when it lies where integers are exact: then comparing two of them is exact too.
    var exactNumber: Double? {
        let value: Double
        switch self {
        case .integer(let integer): value = Double(integer)
        case .number(let number): value = number
        default: return nil
        }
        return abs(value) <= DetailLimits.greatestNumber ? value : nil
    }
}
