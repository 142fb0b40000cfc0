/// Which `typ` values a place accepts, so that a token made for one purpose is refused for another (RFC 8725, 3.11).
package struct JWTTypes: Sendable {
    private let types: Set<String>
    private let allowsAbsent: Bool

    /// Only this type; a token without one is refused.
    package static func exactly(_ type: String) -> JWTTypes {
        JWTTypes(types: [normalized(type)], allowsAbsent: false)
    }

    /// Any of these types, and with `orAbsent` also a token without one.
    package static func anyOf(_ types: Set<String>, orAbsent: Bool) -> JWTTypes {
        JWTTypes(types: Set(types.map(normalized)), allowsAbsent: orAbsent)
    }

    /// Whether the type is accepted.
    ///
    /// - Parameter type: as in `JWTHeader`, or as written in the token.
    package func allows(_ type: String?) -> Bool {
        guard let type else { return allowsAbsent }
        return types.contains(type) || types.contains(Self.normalized(type))
    }

    /// Lower-cased, and without `application/` when no other slash follows (RFC 7515, 4.1.9).
    ///
    /// Only ASCII letters change: media types have no others, and Unicode would turn the Kelvin sign into a `k`.
    static func normalized(_ type: String) -> String {
        var lowered: [UInt8] = []
        lowered.reserveCapacity(type.utf8.count)
        for byte in type.utf8 {
            lowered.append(byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte)
        }
        let prefix = "application/"
        if lowered.starts(with: prefix.utf8), !lowered.dropFirst(prefix.utf8.count).contains(UInt8(ascii: "/")) {
            lowered.removeFirst(prefix.utf8.count)
        }
        return String(decoding: lowered, as: UTF8.self)
    }
}
