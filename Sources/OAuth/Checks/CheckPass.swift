/// An allowed call: what the gateway may tell the upstream about it. What a gateway is to inject or to hand on for one
/// call is a member here, and a header in the answer.
package struct CheckPass: Sendable {
    /// The live token that the call was made with.
    package let token: AccessToken
    /// Who asked, when the gateway proved itself. Nothing secret may go to anyone else.
    package let gateway: ClientID?
    /// What the gateway has to put on the call, when the vault keeps the credential of the upstream.
    package var upstream: UpstreamCredential?
    /// What the agent's next DPoP proof should carry, when the resource wants nonces.
    package var nonce: String?
}
