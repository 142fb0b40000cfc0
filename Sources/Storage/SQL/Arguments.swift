import OAuth

/// The arguments of one execution of a statement, in their order.
///
/// Texts and blobs lie behind one another in one buffer, which is used again for the next row: SQLite reads them there,
/// and no value is allocated or copied on its own.
struct Arguments {
    enum Value {
        case null
        case integer(Int64)
        case text(Range<Int>)
        case blob(Range<Int>)
    }

    private(set) var values: [Value] = []
    /// Never empty, so that an empty text has an address and is not taken for NULL.
    private(set) var bytes: [UInt8] = [0]

    static let none = Arguments()

    init() {}

    init(_ fill: (inout Arguments) -> Void) { fill(&self) }

    /// Makes room for the next row without giving the memory back.
    mutating func removeAll() {
        values.removeAll(keepingCapacity: true)
        bytes.removeLast(bytes.count - 1)
    }

    mutating func add(_ text: String?) {
        guard let text else { return values.append(.null) }
        let start = bytes.count
        bytes.append(contentsOf: text.utf8)
        values.append(.text(start..<bytes.count))
    }

    mutating func add(_ blob: [UInt8]?) {
        guard let blob else { return values.append(.null) }
        let start = bytes.count
        bytes.append(contentsOf: blob)
        values.append(.blob(start..<bytes.count))
    }

    mutating func add(_ number: Int64?) { values.append(number.map { .integer($0) } ?? .null) }

    mutating func add(_ number: Int?) { values.append(number.map { .integer(Int64($0)) } ?? .null) }

    mutating func add(_ flag: Bool) { values.append(.integer(flag ? 1 : 0)) }

    mutating func add(_ time: Timestamp?) { values.append(time.map { .integer($0.milliseconds) } ?? .null) }
}
