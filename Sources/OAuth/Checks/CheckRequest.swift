/// What a gateway asks at forward authentication: may the sender of this call go on to that resource?
package struct CheckRequest: Sendable {
    /// What the agent sent to the gateway. Whatever else an agent may prove itself with, it comes in here.
    package let credentials: BearerCredentials
    /// The gateway's own credentials, when it sent any.
    package let gatewayAuthorization: String?
    /// `resource` and `scope`, from the query.
    package let parameters: Parameters
    /// Its endpoint is the agent's call: method and path at the gateway.
    package let context: RequestContext

    package init(
        credentials: BearerCredentials, gatewayAuthorization: String? = nil, parameters: Parameters,
        context: RequestContext
    ) {
        self.credentials = credentials
        self.gatewayAuthorization = gatewayAuthorization
        self.parameters = parameters
        self.context = context
    }
}
