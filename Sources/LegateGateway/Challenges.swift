import JOSE

/// The values of `WWW-Authenticate` that tell a caller how to get in.
struct Challenges: Sendable {
    /// Whether proofs can be checked here, and whether nothing else will do.
    let takesDPoP: Bool
    let requiresDPoP: Bool

    /// What a proof may be signed with.
    private static let algorithms = DPoPProof.algorithms.map(\.rawValue).joined(separator: " ")

    /// One for each scheme that would do, when the caller sent nothing; else one for the scheme that it used, or should
    /// have used.
    func fields(for refusal: RefusedToken, isUnderDPoP: Bool, scopes: [String], metadata: String?) -> [String] {
        var parameters: [String] = []
        if refusal != .missing {
            parameters.append(#"error="\#(refusal.error)""#)
            parameters.append(#"error_description="\#(Self.quotable(refusal.description))""#)
        }
        if !scopes.isEmpty { parameters.append(#"scope="\#(Self.quotable(scopes.joined(separator: " ")))""#) }
        if let metadata { parameters.append(#"resource_metadata="\#(Self.quotable(metadata))""#) }
        // A scheme that stands alone is a challenge, too.
        let bearer = parameters.isEmpty ? "Bearer" : "Bearer " + parameters.joined(separator: ", ")
        let dpop = "DPoP " + (parameters + [#"algs="\#(Self.algorithms)""#]).joined(separator: ", ")
        guard takesDPoP else { return [bearer] }
        if requiresDPoP { return [dpop] }
        switch refusal {
        case .missing: return [bearer, dpop]
        case .invalidProof, .nonceNeeded: return [dpop]
        default: return [isUnderDPoP ? dpop : bearer]
        }
    }

    /// Only what may stand between quotation marks, in a header as in JSON.
    static func quotable(_ text: String) -> String {
        String(decoding: text.utf8.filter { $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }, as: UTF8.self)
    }
}
