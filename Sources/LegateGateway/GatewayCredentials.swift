import JOSE

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
    var basic: String { FormText.basic(clientID, secret) }
}

extension GatewayCredentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "GatewayCredentials(\(clientID), redacted)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: [(label: String?, value: Any)]()) }
}
