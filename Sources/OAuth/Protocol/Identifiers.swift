/// A name that crosses function boundaries as a type of its own, so that a client cannot be passed for a resource.
///
/// Identifiers are compared byte by byte, as the protocol says: no case folding, no normalisation.
package protocol Identifier: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The text exactly as it stands on the wire.
    var text: String { get }
}

extension Identifier {
    package var description: String { text }
    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

/// The name of a client: 1–64 characters of `[A-Za-z0-9._~-]`, so that `client_id/NAME` can always be taken apart.
package struct ClientID: Identifier {
    package let text: String

    /// Nil when the text is not a client id.
    package init?(_ text: String) {
        guard text.consists(of: .clientID, count: 1...64) else { return nil }
        self.text = text
    }

    /// A fresh id for a client whose operator did not choose one.
    package static func make() -> ClientID { ClientID(unchecked: "client_" + Unguessable.text(bytes: 16)) }

    init(unchecked text: String) { self.text = text }
}

/// The resource identifier of an API or MCP server (RFC 8707): an absolute URI without fragment. It becomes `aud`.
package struct ResourceURI: Identifier {
    package let text: String

    /// Nil unless the text is an absolute `https` URI, or an `http` one on loopback, without fragment or user info.
    package init?(_ text: String) {
        guard text.utf8.count <= 512, URIReference(text)?.isAcceptableForTokens == true else { return nil }
        self.text = text
    }

    init(unchecked text: String) { self.text = text }
}

/// The issuer identifier of an authorization server or identity provider (RFC 8414 section 2): no query, no fragment.
package struct IssuerURL: Identifier {
    package let text: String
    /// Scheme and authority without the path.
    package let origin: String
    /// The path part without a trailing slash; empty when the issuer is a bare host.
    package let path: String
    /// True when the host is the machine itself; only then may development keys and plain `http` be used.
    package let isLoopback: Bool

    /// Nil unless the text is `https`, or `http` on loopback, without query, fragment or user info.
    package init?(_ text: String) {
        guard text.utf8.count <= 512, let uri = URIReference(text), uri.isAcceptableForTokens, uri.query == nil else {
            return nil
        }
        self.init(text, uri)
    }

    init(unchecked text: String) { self.init(text, URIReference(text)) }

    /// The parts are taken out once: every request asks for some.
    private init(_ text: String, _ uri: URIReference?) {
        self.text = text
        origin = uri.map { "\($0.scheme)://\($0.authority)" } ?? text
        path = uri.map { $0.path.hasSuffix("/") ? String($0.path.dropLast()) : $0.path } ?? ""
        isLoopback = uri?.isLoopback ?? false
    }
}

/// The short name that an operator gives to an identity provider: 1–32 characters of `[a-z0-9._-]`.
///
/// A user's `sub` in our tokens is `NAME|SUB`, so that no user collides with a client or another issuer's user.
package struct IssuerName: Identifier {
    package let text: String

    package init?(_ text: String) {
        guard text.consists(of: .issuerName, count: 1...32) else { return nil }
        self.text = text
    }
}

/// The name of a delegation, made by the server.
package struct DelegationID: Identifier {
    package let text: String

    package init?(_ text: String) {
        guard text.consists(of: .clientChosenName, count: 1...128) else { return nil }
        self.text = text
    }

    package static func make() -> DelegationID { DelegationID(unchecked: "dlg_" + Unguessable.text(bytes: 16)) }

    private init(unchecked text: String) { self.text = text }
}

/// The name of a delegation rule, made by the server.
package struct RuleID: Identifier {
    package let text: String

    package init?(_ text: String) {
        guard text.consists(of: .clientChosenName, count: 1...128) else { return nil }
        self.text = text
    }

    package static func make() -> RuleID { RuleID(unchecked: "rule_" + Unguessable.text(bytes: 16)) }

    private init(unchecked text: String) { self.text = text }
}

/// A name that a client chose for a task, a session or a running instance, qualified by that client: `client_id/NAME`.
package struct QualifiedName: Identifier {
    package let text: String

    /// Nil unless `name` is 1–128 characters of `[A-Za-z0-9._:@-]`.
    package init?(_ name: String, of client: ClientID) {
        guard name.consists(of: .clientChosenName, count: 1...128) else { return nil }
        self.text = client.text + "/" + name
    }

    /// Nil unless the text is `CLIENT/NAME`.
    package init?(qualified text: String) {
        guard let slash = text.firstIndex(of: "/"), let client = ClientID(String(text[..<slash])),
            let name = QualifiedName(String(text[text.index(after: slash)...]), of: client)
        else { return nil }
        self = name
    }

    /// The client in front of the slash.
    package var client: ClientID? { ClientID(String(text.prefix { $0 != "/" })) }
}

/// A set of ASCII bytes, for names that must be plain.
struct CharacterSet: Sendable {
    private let bits: (UInt64, UInt64)

    init(_ characters: String) {
        var low: UInt64 = 0
        var high: UInt64 = 0
        for byte in characters.utf8 where byte < 128 {
            if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
        }
        bits = (low, high)
    }

    func contains(_ byte: UInt8) -> Bool {
        switch byte {
        case ..<64: bits.0 & (1 << UInt64(byte)) != 0
        case ..<128: bits.1 & (1 << UInt64(byte - 64)) != 0
        default: false
        }
    }

    private static let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    private static let digits = "0123456789"
    static let clientID = CharacterSet(letters + digits + "._~-")
    static let clientChosenName = CharacterSet(letters + digits + "._:@-")
    static let headerName = CharacterSet(letters + digits + "-")
    static let secretName = CharacterSet(letters + digits + "._-")
    static let issuerName = CharacterSet("abcdefghijklmnopqrstuvwxyz" + digits + "._-")
}

extension String {
    func consists(of allowed: CharacterSet, count: ClosedRange<Int>) -> Bool {
        let utf8 = self.utf8
        return count.contains(utf8.count) && utf8.allSatisfy(allowed.contains)
    }

    /// True when the text has no control character; such text can stand in logs and tables.
    var isPrintable: Bool { unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) } }
}
