/// Takes server-sent events apart (WHATWG HTML, 9.2): only the data counts here, ids and comments are passed over.
///
/// Bounded: an event, or a line without an end, that is longer than `limit` bytes is an error.
struct EventStream {
    struct TooLong: Error {}

    private let limit: Int
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var lastWasCarriageReturn = false

    init(limit: Int) { self.limit = limit }

    /// Takes what has arrived, and gives the data of each event that is complete with it.
    mutating func take(_ bytes: some Sequence<UInt8>) throws(TooLong) -> [String] {
        var complete: [String] = []
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\n") where lastWasCarriageReturn:
                lastWasCarriageReturn = false
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                lastWasCarriageReturn = byte == UInt8(ascii: "\r")
                if let event = endLine() { complete.append(event) }
            default:
                lastWasCarriageReturn = false
                guard line.count + data.count < limit else { throw TooLong() }
                line.append(byte)
            }
        }
        return complete
    }

    private mutating func endLine() -> String? {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else {
            defer { data.removeAll(keepingCapacity: true) }
            return data.isEmpty ? nil : String(decoding: data, as: UTF8.self)
        }
        let field = Array("data:".utf8)
        guard line.starts(with: field) else { return nil }
        if !data.isEmpty { data.append(UInt8(ascii: "\n")) }
        let value = line.dropFirst(field.count)
        data.append(contentsOf: value.first == UInt8(ascii: " ") ? value.dropFirst() : value)
        return nil
    }
}
