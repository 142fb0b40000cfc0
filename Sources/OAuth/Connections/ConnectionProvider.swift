package import JOSE

/// Where a third party's authorization server is, and who Legate is there. Nothing of it is secret.
package struct ConnectionProvider: Sendable, Equatable {
    /// How Legate proves to the token endpoint who it is (RFC 6749 section 2.3.1).
    package enum Authentication: String, Sendable, CaseIterable {
        case basic = "client_secret_basic"
        case post = "client_secret_post"
        /// A public client: PKCE alone.
        case none
    }

    package var authorizationEndpoint: String
    package var tokenEndpoint: String
    /// RFC 7009; nil when the provider has none.
    package var revocationEndpoint: String?
    /// The provider's issuer. When it is known, every answer must carry it as `iss` (RFC 9207 section 2.4).
    package var issuer: String?
    package var clientID: String
    package var authentication: Authentication
    package var scopes: ScopeSet
    /// What else the authorization request carries, such as `access_type`.
    package var parameters: [Parameter]

    package struct Parameter: Sendable, Equatable {
        package let name: String
        package let value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(
        authorizationEndpoint: String, tokenEndpoint: String, revocationEndpoint: String? = nil, issuer: String? = nil,
        clientID: String, authentication: Authentication = .basic, scopes: ScopeSet = .empty,
        parameters: [Parameter] = []
    ) {
        self.authorizationEndpoint = authorizationEndpoint
        self.tokenEndpoint = tokenEndpoint
        self.revocationEndpoint = revocationEndpoint
        self.issuer = issuer
        self.clientID = clientID
        self.authentication = authentication
        self.scopes = scopes
        self.parameters = parameters
    }

    /// Whether credentials that were given for the other one may go to this one: only when every place to which they
    /// are sent, and in whose name, is the same.
    func isSameParty(as other: ConnectionProvider) -> Bool {
        authorizationEndpoint == other.authorizationEndpoint && tokenEndpoint == other.tokenEndpoint
            && revocationEndpoint == other.revocationEndpoint && issuer == other.issuer && clientID == other.clientID
            && authentication == other.authentication
    }
}

extension ConnectionProvider {
    /// What the API shows.
    package var document: JSONObject {
        var extra: JSONObject = [:]
        for parameter in parameters { extra[parameter.name] = .string(parameter.value) }
        return [
            "authorization_endpoint": .string(authorizationEndpoint),
            "token_endpoint": .string(tokenEndpoint),
            "revocation_endpoint": .text(revocationEndpoint),
            "issuer": .text(issuer),
            "client_id": .string(clientID),
            "client_auth": .string(authentication.rawValue),
            "scopes": .texts(scopes.tokens),
            "authorization_parameters": .object(extra),
        ]
    }

    /// What the flow itself says; an operator cannot say it otherwise.
    private static let reserved: Set<String> = [
        "response_type", "response_mode", "client_id", "client_secret", "redirect_uri", "scope", "state",
        "code_challenge", "code_challenge_method", "request", "request_uri",
    ]
    private static let mostParameters = 16

    /// Reads a provider, and beside it the client's secret, which does not stay with it.
    static func read(_ reader: inout DocumentReader, secret: inout String?) -> ConnectionProvider? {
        func endpoint(_ field: String) -> String? {
            reader.parsed(field, "an https URL without fragment (http only on loopback), at most 2048 bytes") { text in
                URIReference(text).flatMap { $0.isAcceptableForTokens && text.utf8.count <= 2048 ? text : nil }
            }
        }
        let authorization = reader.required("authorization_endpoint", endpoint("authorization_endpoint"))
        let token = reader.required("token_endpoint", endpoint("token_endpoint"))
        let revocation = endpoint("revocation_endpoint")
        let issuer = endpoint("issuer")
        let client = reader.required("client_id", visible("client_id", &reader))
        secret = visible("client_secret", &reader)
        let methods = Authentication.allCases.map(\.rawValue).joined(separator: ", ")
        let method = reader.parsed("client_auth", "one of \(methods)") { Authentication(rawValue: $0) }
        let authentication = method ?? (secret == nil ? .none : .basic)
        if authentication == .none, secret != nil { reader.refuse("client_secret", "is not used by client_auth none") }
        let scopes = reader.scopes("scopes")
        let parameters = parameters(&reader)
        guard let authorization, let token, let client else { return nil }
        return ConnectionProvider(
            authorizationEndpoint: authorization, tokenEndpoint: token, revocationEndpoint: revocation, issuer: issuer,
            clientID: client, authentication: authentication, scopes: scopes, parameters: parameters
        )
    }

    /// `VSCHAR` (RFC 6749 appendix A.1 and A.2).
    private static func visible(_ field: String, _ reader: inout DocumentReader) -> String? {
        reader.parsed(field, "1 to 2048 visible ASCII characters") { text in
            (1...2048).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20...0x7E).contains($0) } ? text : nil
        }
    }

    private static func parameters(_ reader: inout DocumentReader) -> [Parameter] {
        guard let value = reader.value("authorization_parameters") else { return [] }
        guard let object = value.object, object.count <= mostParameters else {
            reader.refuse("authorization_parameters", "must be an object of at most \(mostParameters) texts")
            return []
        }
        var parameters: [Parameter] = []
        for (name, value) in object.members {
            let field = "authorization_parameters.\(name.prefix(64))"
            guard name.consists(of: .secretName, count: 1...64), !reserved.contains(name) else {
                reader.refuse(
                    field, "cannot be set: 1 to 64 characters of A-Z a-z 0-9 . _ -, and none that the flow sets")
                continue
            }
            guard let text = value.string, (1...1024).contains(text.utf8.count), text.isPrintable else {
                reader.refuse(field, "must be a text of 1 to 1024 bytes without control characters")
                continue
            }
            parameters.append(Parameter(name: name, value: text))
        }
        return parameters
    }
}
