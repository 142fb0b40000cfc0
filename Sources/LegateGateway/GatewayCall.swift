/// One call as it came in, with all that its sender can prove itself with.
///
/// Hand in what the request really had. Nothing here may come from a header that a sender could have written to look
/// like a proxy's: the host of the call is not even asked for, `GatewayConfiguration.publicURL` has it.
public struct GatewayCall: Sendable {
    /// The method as it was sent: `GET`.
    public var method: String
    /// The target of the request as it was sent: `/orders/7?full=yes`. Only its path counts.
    public var target: String
    /// Every value of the header `Authorization`, in order. More than one is refused.
    public var authorization: [String]
    /// Every value of the header `DPoP`, in order (RFC 9449 section 4.1). More than one is refused.
    public var proofs: [String]
    /// The client certificate in DER that the sender has proved to hold the key of, in the TLS connection of this call;
    /// nil when there is none.
    ///
    /// Behind a proxy that ends TLS it is what the proxy hands on, if nobody else can write that header.
    public var certificate: [UInt8]?

    public init(
        method: String, target: String, authorization: [String], proofs: [String] = [], certificate: [UInt8]? = nil
    ) {
        self.method = method
        self.target = target
        self.authorization = authorization
        self.proofs = proofs
        self.certificate = certificate
    }
}

extension GatewayCall {
    /// How the token was sent.
    enum Scheme: Sendable, Equatable {
        /// RFC 6750 section 2.1.
        case bearer
        /// RFC 9449 section 7.1.
        case dpop
    }

    /// Scheme and token of the one `Authorization` header.
    ///
    /// - Throws: `RefusedToken.missing` when there is none; `.invalid` when it is not one token under one scheme.
    func credentials() throws(RefusedToken) -> (scheme: Scheme, token: String) {
        guard let field = authorization.first else { throw .missing }
        guard authorization.count == 1 else {
            throw .invalid("The call has more than one Authorization header.")
        }
        let parts = field.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        let scheme: Scheme? =
            switch parts.first?.lowercased() {
            case "bearer": .bearer
            case "dpop": .dpop
            default: nil
            }
        guard let scheme, let rest = parts.dropFirst().first else {
            throw .invalid("The Authorization header must be Bearer or DPoP and one token.")
        }
        let token = rest.drop { $0 == " " }
        guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .invalid("The Authorization header must be Bearer or DPoP and one token.")
        }
        return (scheme, String(token))
    }

    /// The scheme of the first `Authorization` header, whatever else is wrong with it.
    var isUnderDPoP: Bool {
        authorization.first?.split(separator: " ", maxSplits: 1).first?.lowercased() == "dpop"
    }
}
