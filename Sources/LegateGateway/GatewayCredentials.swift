import FoundationEssentials

/// The id and secret of the client that this gateway is: of kind `gateway` or `resource`, with the scope
/// `revocations:read` for the resource `{issuer}/revocations`.
///
/// It does not print the secret.
public struct GatewayCredentials: Sendable {
    public let clientID: String
    private let secret: String

    public init(clientID: String, secret: String) {
        self.clientID = clientID
        self.secret = secret
    }

    /// The `Authorization` header (RFC 6749 section 2.3.1): both parts are form-encoded first.
    var basic: String {
        let pair = Self.encode(clientID) + ":" + Self.encode(secret)
        return "Basic " + Data(pair.utf8).base64EncodedString()
    }

    private static func encode(_ text: String) -> String {
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.append(byte)
            default:
                encoded += [UInt8(ascii: "%"), digit(byte >> 4), digit(byte & 15)]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}

extension GatewayCredentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "GatewayCredentials(\(clientID), redacted)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: [(label: String?, value: Any)]()) }
}
