/// The names of claims, spelled once and shared by everything that reads or writes a token.
enum Claim {
    static let issuer = "iss"
    static let subject = "sub"
    static let audience = "aud"
    static let clientID = "client_id"
    static let issuedAt = "iat"
    static let notBefore = "nbf"
    static let expires = "exp"
    static let jwtID = "jti"
    static let scope = "scope"
    static let agentID = "agent_id"
    static let actor = "act"
    static let mayAct = "may_act"
    static let delegationID = "delegation_id"
    static let transaction = "txn"
    static let session = "sid"
    static let agent = "agent"
}
