/// A form that a client posted to one of the OAuth endpoints, with the credentials that came with it.
package struct ClientRequest: Sendable {
    /// The `Authorization` header, if there is one.
    package let authorization: String?
    /// The name of the header that it came in, for error texts.
    package let authorizationField: String
    package let parameters: Parameters
    package let context: RequestContext
    /// The proofs of possession that came with it.
    package let presented: Presented

    package init(
        authorization: String?, in field: String = "Authorization", parameters: Parameters, context: RequestContext,
        presented: Presented = .nothing
    ) {
        self.authorization = authorization
        authorizationField = field
        self.parameters = parameters
        self.context = context
        self.presented = presented
    }
}
