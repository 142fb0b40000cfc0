/// Which addresses count as one: an IPv4 address by itself, an IPv6 address by its first 64 bits, for whoever has one of
/// these has them all.
package enum PeerNetwork {
    /// The network of an address in text form. What is not an address stands for itself.
    package static func of(_ address: String) -> String {
        let text = address.utf8
        guard text.contains(UInt8(ascii: ":")) else { return address }
        // An IPv4 address in IPv6 form, as a listener for both sees it.
        if text.contains(UInt8(ascii: ".")) {
            guard let last = address.split(separator: ":").last else { return address }
            return String(last)
        }
        let bare = address.prefix { $0 != "%" }
        guard let groups = groups(of: bare) else { return address }
        return groups.prefix(4).map { String($0, radix: 16) }.joined(separator: ":") + "::/64"
    }

    /// The eight groups of an IPv6 address, or nil.
    private static func groups(of address: Substring) -> [UInt16]? {
        func read(_ half: Substring) -> [UInt16]? {
            if half.isEmpty { return [] }
            var groups: [UInt16] = []
            for part in half.split(separator: ":", omittingEmptySubsequences: false) {
                guard (1...4).contains(part.utf8.count), let group = UInt16(part, radix: 16) else { return nil }
                groups.append(group)
            }
            return groups
        }
        var rest = address
        var head: Substring?
        var index = address.startIndex
        while index < address.endIndex {
            let next = address.index(after: index)
            if address[index] == ":", next < address.endIndex, address[next] == ":" {
                head = address[..<index]
                rest = address[address.index(after: next)...]
                break
            }
            index = next
        }
        guard let tail = read(rest) else { return nil }
        guard let head else { return tail.count == 8 ? tail : nil }
        guard let front = read(head), front.count + tail.count < 8 else { return nil }
        return front + Array(repeating: 0, count: 8 - front.count - tail.count) + tail
    }
}
