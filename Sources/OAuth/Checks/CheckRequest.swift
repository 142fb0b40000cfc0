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
    /// What the agent sent to prove possession. Method and URL are filled in once it is known whom to believe them.
    package let presented: Presented
    /// What the gateway says of the agent's call; believed only when it proves itself.
    package let forwarded: ForwardedTarget
    /// The client certificate of the gateway's own connection.
    package let gatewayCertificate: ClientCertificate?

    package init(
        credentials: BearerCredentials, gatewayAuthorization: String? = nil, parameters: Parameters,
        context: RequestContext, presented: Presented = .nothing, forwarded: ForwardedTarget = .nothing,
        gatewayCertificate: ClientCertificate? = nil
    ) {
        self.credentials = credentials
        self.gatewayAuthorization = gatewayAuthorization
        self.parameters = parameters
        self.context = context
        self.presented = presented
        self.forwarded = forwarded
        self.gatewayCertificate = gatewayCertificate
    }
}
