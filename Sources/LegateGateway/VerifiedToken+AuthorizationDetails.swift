/// What a token allows beside its scopes, in the words of its resource's own types (RFC 9396).
extension VerifiedToken {
    /// The claim `authorization_details`, in its order. Empty when there is none, and when it is not a list of objects
    /// with a type each: then nothing is allowed by it.
    public var authorizationDetails: [[String: TokenClaim]] {
        guard case .array(let elements)? = claim("authorization_details") else { return [] }
        var details: [[String: TokenClaim]] = []
        for element in elements {
            guard case .object(let detail) = element, case .string? = detail["type"] else { return [] }
            details.append(detail)
        }
        return details
    }

    /// The details of one type. Each allows what it says on its own; they do not add up.
    public func authorizationDetails(ofType type: String) -> [[String: TokenClaim]] {
        authorizationDetails.filter { $0["type"] == .string(type) }
    }
}
