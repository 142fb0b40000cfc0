import ArgumentParser

// The closed sets of words on the command line. They are the words of the admin API; anything else is a usage error.

enum ClientKind: String, ExpressibleByArgument, CaseIterable, Sendable {
    case agent, gateway, resource, admin
}

enum ClientAuthentication: String, ExpressibleByArgument, CaseIterable, Sendable {
    case clientSecretBasic = "client_secret_basic"
    case privateKeyJWT = "private_key_jwt"
    case workload
    case tlsClientAuth = "tls_client_auth"
    case selfSignedTLSClientAuth = "self_signed_tls_client_auth"
    case spiffeJWT = "spiffe_jwt"
    case spiffeX509 = "spiffe_x509"
}

enum GrantName: String, ExpressibleByArgument, CaseIterable, Sendable {
    case clientCredentials = "client_credentials"
    case tokenExchange = "token_exchange"
}

enum ResourceKind: String, ExpressibleByArgument, CaseIterable, Sendable {
    case api, mcp
    case thirdParty = "third-party"
}

enum CheckAuditName: String, ExpressibleByArgument, CaseIterable, Sendable {
    case all, count
}

enum SigningAlgorithmName: String, ExpressibleByArgument, CaseIterable, Sendable {
    case es256 = "ES256"
    case ed25519 = "Ed25519"
    case rs256 = "RS256"
}

enum DelegationStatus: String, ExpressibleByArgument, CaseIterable, Sendable {
    case active, revoked, expired
}

enum RevocationKind: String, ExpressibleByArgument, CaseIterable, Sendable {
    case client, agent, task, session, delegation, subject, issuer, key, token
}

enum DecisionName: String, ExpressibleByArgument, CaseIterable, Sendable {
    case allow, deny
}

enum SecretKindName: String, ExpressibleByArgument, CaseIterable, Sendable {
    case `static`, generated, oauth, client
}
