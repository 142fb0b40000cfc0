import JOSE

/// Whether a token's authorization details suffice for a call, as forward authentication asks it.
enum DetailsInCall {
    /// - Parameter needed: the parameter `authorization_details`: what the call needs, or nil when the gateway does not
    ///   say.
    /// - Throws: `invalid_authorization_details` when the question makes no sense, which is the gateway's fault;
    ///   `insufficient_authorization` when the token does not cover it (draft-ietf-oauth-rar-metadata-remediation).
    static func require(_ needed: String?, of token: AccessToken, at resource: Resource) throws(OAuthError) {
        guard let needed else {
            guard !resource.requireAuthorizationDetails || !token.authorizationDetails.isEmpty else {
                throw insufficient("the token has no authorization_details, which the resource requires")
            }
            return
        }
        let details = try AuthorizationDetails(requested: needed)
        for (index, detail) in details.objects.enumerated() {
            guard let type = detail.detailType.flatMap({ resource.authorizationDetailsType(named: $0) }) else {
                throw AuthorizationDetails.refusal("[\(index)].type is not one of the resource's")
            }
            do throws(DetailFault) {
                try type.schema.check(.object(detail.detailContent), at: "[\(index)]")
            } catch {
                throw AuthorizationDetails.refusal("\(error.path) \(error.reason)")
            }
        }
        let ceiling = DetailCeiling(origin: "the token", details: token.authorizationDetails, isRegistered: false)
        if let objection = ceiling.objection(to: details, at: resource) {
            throw insufficient("authorization_details\(objection.hasPrefix("[") ? "" : " ")\(objection)")
        }
    }

    private static func insufficient(_ reason: String) -> OAuthError {
        OAuthError(.insufficientAuthorization, reason, rule: "token_details")
    }
}
