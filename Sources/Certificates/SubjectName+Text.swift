internal import JOSE
internal import SwiftASN1

extension SubjectName {
    /// The most bytes of a name as text.
    package static let maximumTextSize = 1024

    /// Reads the text form of RFC 4514, in which a client is registered: the most particular part first, such as
    /// `CN=billing-agent,OU=Agents,O=Example`. A space after a separator is forgiven, as RFC 2253 asks.
    ///
    /// Nil when it is anything else, or names an attribute by a word that RFC 4514 section 3 does not have; such an
    /// attribute can be named by its number, as in `1.2.840.113549.1.9.1=a@example.com`.
    package init?(_ text: String) {
        guard (1...Self.maximumTextSize).contains(text.utf8.count) else { return nil }
        var reader = NameReader(Array(text.utf8))
        guard let parts = reader.parts() else { return nil }
        self.init(parts: parts.reversed())
    }
}

/// Goes through the text of a distinguished name (RFC 4514 section 3).
private struct NameReader {
    private let bytes: [UInt8]
    private var position = 0

    /// The names of RFC 4514 section 3 and two more that certificates of services are seen with.
    private static let types: [String: ASN1ObjectIdentifier] = [
        "cn": [2, 5, 4, 3], "l": [2, 5, 4, 7], "st": [2, 5, 4, 8], "o": [2, 5, 4, 10], "ou": [2, 5, 4, 11],
        "c": [2, 5, 4, 6], "street": [2, 5, 4, 9], "dc": [0, 9, 2342, 19_200_300, 100, 1, 25],
        "uid": [0, 9, 2342, 19_200_300, 100, 1, 1], "serialnumber": [2, 5, 4, 5],
        "emailaddress": [1, 2, 840, 113_549, 1, 9, 1],
    ]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private var current: UInt8? { bytes.indices.contains(position) ? bytes[position] : nil }

    mutating func parts() -> [Set<SubjectName.Attribute>]? {
        var parts: [Set<SubjectName.Attribute>] = []
        var part: Set<SubjectName.Attribute> = []
        while true {
            skipSpaces()
            guard let attribute = attribute(), part.insert(attribute).inserted else { return nil }
            switch current {
            case nil: return parts + [part]
            case UInt8(ascii: "+"): break
            case UInt8(ascii: ","):
                parts.append(part)
                part = []
            default: return nil
            }
            position += 1
        }
    }

    private mutating func attribute() -> SubjectName.Attribute? {
        guard let type = type(), let value = value() else { return nil }
        return SubjectName.Attribute(type: type, value: value)
    }

    private mutating func type() -> ASN1ObjectIdentifier? {
        let start = position
        while let byte = current, byte != UInt8(ascii: "=") {
            guard Self.isName(byte) else { return nil }
            position += 1
        }
        guard current != nil, start < position else { return nil }
        let name = String(decoding: bytes[start..<position], as: UTF8.self)
        position += 1
        if let type = Self.types[name.lowercased()] { return type }
        return Self.numbered(name)
    }

    /// A type that is named by its number: a first arc of 0 to 2, and no arc of more than nine digits.
    private static func numbered(_ name: String) -> ASN1ObjectIdentifier? {
        var arcs: [UInt] = []
        for arc in name.split(separator: ".", omittingEmptySubsequences: false) {
            guard (1...9).contains(arc.utf8.count), arc.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = UInt(arc)
            else { return nil }
            arcs.append(number)
        }
        guard arcs.count >= 2, let first = arcs.first, first <= 2 else { return nil }
        return try? ASN1ObjectIdentifier(elements: arcs)
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "."), UInt8(ascii: "-"): true
        default: false
        }
    }

    private mutating func value() -> SubjectName.Value? {
        if current == UInt8(ascii: "#") {
            position += 1
            return encodedValue()
        }
        var value: [UInt8] = []
        // Spaces at the end count only when they are escaped.
        var meant = 0
        while let byte = current, byte != UInt8(ascii: ","), byte != UInt8(ascii: "+") {
            switch byte {
            case UInt8(ascii: "\\"):
                guard let escaped = escaped() else { return nil }
                value.append(escaped)
                meant = value.count
                continue
            case UInt8(ascii: "\""), UInt8(ascii: ";"), UInt8(ascii: "<"), UInt8(ascii: ">"), 0: return nil
            case UInt8(ascii: " "):
                if value.isEmpty { return nil }
                value.append(byte)
            default:
                value.append(byte)
                meant = value.count
            }
            position += 1
        }
        guard let text = String(validating: value.prefix(meant), as: UTF8.self), !text.isEmpty else { return nil }
        return .text(text)
    }

    /// What follows a backslash: a special character or two hexadecimal digits.
    private mutating func escaped() -> UInt8? {
        position += 1
        guard let byte = current else { return nil }
        position += 1
        if Self.special.contains(byte) { return byte }
        guard let high = HexDigit.value(of: byte), let next = current, let low = HexDigit.value(of: next)
        else { return nil }
        position += 1
        return high << 4 | low
    }

    private mutating func encodedValue() -> SubjectName.Value? {
        var der: [UInt8] = []
        while let byte = current, byte != UInt8(ascii: ","), byte != UInt8(ascii: "+") {
            guard let high = HexDigit.value(of: byte) else { return nil }
            position += 1
            guard let next = current, let low = HexDigit.value(of: next) else { return nil }
            position += 1
            der.append(high << 4 | low)
        }
        guard !der.isEmpty, let node = try? DER.parse(der) else { return nil }
        // A string that could have been written as text is the same value.
        if let text = Self.text(of: node) { return .text(text) }
        return .der(der)
    }

    private static func text(of node: ASN1Node) -> String? {
        if let text = try? ASN1UTF8String(derEncoded: node) { return String(text) }
        if let text = try? ASN1PrintableString(derEncoded: node) { return String(text) }
        if let text = try? ASN1IA5String(derEncoded: node) { return String(text) }
        return nil
    }

    private static let special = Array(" \"#+,;<=>\\".utf8)

    private mutating func skipSpaces() { while current == UInt8(ascii: " ") { position += 1 } }
}
