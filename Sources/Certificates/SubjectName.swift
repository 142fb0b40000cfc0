internal import SwiftASN1
internal import X509

/// A distinguished name that can be compared (RFC 5280 section 7.1; RFC 8705 section 2.1.2).
///
/// Two names are the same when they have the same parts in the same order, and each part the same attributes with the
/// same values, character by character. RFC 4517 would forgive capitals and spaces; a name that decides who somebody is
/// must not be forgiving.
package struct SubjectName: Sendable, Hashable {
    /// One attribute of one part.
    struct Attribute: Sendable, Hashable {
        let type: ASN1ObjectIdentifier
        let value: Value
    }

    /// Text when the certificate has a string of a usual kind, else the whole DER of what it has.
    enum Value: Sendable, Hashable {
        case text(String)
        case der([UInt8])
    }

    /// As in the certificate: the most general part first.
    let parts: [Set<Attribute>]

    /// Whether the name has no part. An empty subject names nobody.
    package var isEmpty: Bool { parts.isEmpty }

    init(parts: [Set<Attribute>]) { self.parts = parts }

    init(_ name: DistinguishedName) {
        parts = name.map { part in
            Set(
                part.map { attribute in
                    let value: Value
                    if let text = String(attribute.value) {
                        value = .text(text)
                    } else {
                        value = .der(Self.der(of: attribute.value))
                    }
                    return Attribute(type: attribute.type, value: value)
                }
            )
        }
    }

    private static func der(of value: RelativeDistinguishedName.Attribute.Value) -> [UInt8] {
        var serializer = DER.Serializer()
        do {
            try serializer.serialize(ASN1Any(value))
        } catch {
            // No bytes: equal to nothing that anyone can register.
            return []
        }
        return serializer.serializedBytes
    }
}
