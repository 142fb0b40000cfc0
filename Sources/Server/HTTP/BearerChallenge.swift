import OAuth

/// The challenge of a bearer-protected resource (RFC 6750 section 3), which also says where its metadata is (RFC 9728
/// section 5.1).
enum BearerChallenge {
    /// - Parameter error: nil when the caller sent no credentials (RFC 6750 section 3.1).
    static func header(_ error: OAuthError?, scope: String?, metadata: String) -> String {
        var parts: [String] = []
        if let error {
            parts.append(#"error="\#(error.code.rawValue)""#)
            parts.append(#"error_description="\#(error.description)""#)
        }
        if let scope { parts.append(#"scope="\#(scope)""#) }
        parts.append(#"resource_metadata="\#(metadata)""#)
        return "Bearer " + parts.joined(separator: ", ")
    }
}
