/// A form that a client posted to one of the OAuth endpoints, with the credentials that came with it.
package struct ClientRequest: Sendable {
    /// The `Authorization` header, if there is one.
    package let authorization: String?
    package let parameters: Parameters
    package let context: RequestContext

    package init(authorization: String?, parameters: Parameters, context: RequestContext) {
        self.authorization = authorization
        self.parameters = parameters
        self.context = context
    }
}
