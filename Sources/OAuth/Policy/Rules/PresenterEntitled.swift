/// Whoever exchanges one of our tokens must be its audience, the client it was issued to, or named in `may_act`.
/// Anyone else who holds it is a confused deputy, or a thief.
package struct PresenterEntitled: PolicyRule {
    package static let name = "presenter_entitled"
    package init() {}

    package func objection(to authorization: Authorization, in context: PolicyContext) -> Refusal? {
        let client = authorization.client
        switch authorization.subjectToken {
        case nil: return nil
        case .foreign(let token):
            if let mayAct = token.mayAct, mayAct != client.id {
                return refuse(.invalidRequest, "may_act of the subject token names another client")
            }
            return nil
        case .own(let token):
            if token.clientID == client.id { return nil }
            if let mayAct = token.mayAct {
                return mayAct == client.id
                    ? nil : refuse(.invalidRequest, "may_act of the subject token names another client")
            }
            if let delegation = authorization.delegation, !delegation.mayAct.isEmpty {
                return delegation.allowsActor(client.id)
                    ? nil
                    : refuse(
                        .invalidRequest, "the delegation names the clients that may act; this one is not among them")
            }
            guard client.actsAs == token.audience else {
                return refuse(
                    .invalidRequest, "the subject token is addressed to another resource than this client acts as")
            }
            return nil
        }
    }
}
