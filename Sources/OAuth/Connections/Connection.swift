package import JOSE

/// The name of a connection, made by the server: the context in its redirect URI, never shared and never used again.
package struct ConnectionID: Identifier {
    package let text: String

    package init?(_ text: String) {
        guard text.consists(of: .clientChosenName, count: 1...64) else { return nil }
        self.text = text
    }

    static func make() -> ConnectionID { ConnectionID(unchecked: "conn_" + Unguessable.text(bytes: 16)) }

    private init(unchecked text: String) { self.text = text }
}

/// An account at a third party, for which the vault gets access tokens: what a secret of kind `oauth` has beside its
/// definition.
///
/// A value type in memory for every connection. Whatever is secret is in `box`; the access token is the secret's
/// current version, so that the road on which it leaves never opens the box with the refresh token.
package struct Connection: Sendable, Equatable {
    package enum Status: String, Sendable, CaseIterable {
        /// Nobody has connected an account yet.
        case pending
        case connected
        /// The provider does not honour the grant any more: a person has to connect it again.
        case broken
    }

    package let id: ConnectionID
    package let secret: SecretName
    package var provider: ConnectionProvider
    /// The user whose account it is, `NAME|SUB`: then only agents that act for that user may use it.
    package var owner: String?
    /// What people call the account.
    package var account: String?
    /// The operator allows the provider to be on a private network.
    package var allowPrivateNetwork: Bool
    package var status: Status
    /// Why it is broken, for people.
    package var reason: String?
    /// Who connected it, and so who is to connect it again.
    package var connectedBy: ClientID?
    package var connectedAt: Timestamp?
    package var refreshedAt: Timestamp?
    /// What the provider granted, when it said so (RFC 6749 section 5.1).
    package var granted: ScopeSet?
    package var token: Token?
    /// `ConnectionGrant`, sealed.
    package var box: [UInt8]
    /// Grows with every new box, so that an old one put back does not open.
    package var boxVersion: Int
    package var flow: Flow?
    package let createdAt: Timestamp
    /// Grows by one with every change.
    package var revision: Int

    /// The access token of this moment, without its value.
    package struct Token: Sendable, Equatable {
        /// The secret's version that holds it.
        package let version: Int
        /// Taken before the provider was asked, so that we never think it lives longer than it does.
        package let issuedAt: Timestamp
        /// Nil when the provider gives it no end.
        package let expiresAt: Timestamp?

        package init(version: Int, issuedAt: Timestamp, expiresAt: Timestamp?) {
            self.version = version
            self.issuedAt = issuedAt
            self.expiresAt = expiresAt
        }
    }

    /// A person is on their way through the provider's pages.
    package struct Flow: Sendable, Equatable {
        /// The digest of `state`.
        package let state: [UInt8]
        /// The digest of the completion code, once the provider has answered.
        package var code: [UInt8]?
        /// Who started it, and alone may finish it.
        package let startedBy: ClientID
        /// The user for whom it was started, when a delegation stood behind the start.
        package let startedFor: String?
        package let expiresAt: Timestamp

        package init(
            state: [UInt8], code: [UInt8]? = nil, startedBy: ClientID, startedFor: String?, expiresAt: Timestamp
        ) {
            self.state = state
            self.code = code
            self.startedBy = startedBy
            self.startedFor = startedFor
            self.expiresAt = expiresAt
        }
    }

    package init(
        id: ConnectionID, secret: SecretName, provider: ConnectionProvider, owner: String? = nil,
        account: String? = nil, allowPrivateNetwork: Bool = false, status: Status = .pending, reason: String? = nil,
        connectedBy: ClientID? = nil, connectedAt: Timestamp? = nil, refreshedAt: Timestamp? = nil,
        granted: ScopeSet? = nil, token: Token? = nil, box: [UInt8] = [], boxVersion: Int = 0, flow: Flow? = nil,
        createdAt: Timestamp, revision: Int = 1
    ) {
        self.id = id
        self.secret = secret
        self.provider = provider
        self.owner = owner
        self.account = account
        self.allowPrivateNetwork = allowPrivateNetwork
        self.status = status
        self.reason = reason
        self.connectedBy = connectedBy
        self.connectedAt = connectedAt
        self.refreshedAt = refreshedAt
        self.granted = granted
        self.token = token
        self.box = box
        self.boxVersion = boxVersion
        self.flow = flow
        self.createdAt = createdAt
        self.revision = revision
    }

    /// Who can mend it, in words.
    var mender: String { owner ?? connectedBy?.text ?? "an operator" }

    /// Where the provider sends the browser back to: a URI of this connection alone, so that no other provider's answer
    /// is ever taken for this one's.
    package func redirectURI(at issuer: IssuerURL) -> String {
        issuer.text + (issuer.text.hasSuffix("/") ? "" : "/") + "connections/callback/\(id)"
    }
}

extension Connection.Token {
    /// Seconds before its end from which on a new one is wanted: a fifth of its life, but a minute at least, and never
    /// more than half of it.
    private static let shortest: Int64 = 60_000

    func isFresh(at now: Timestamp) -> Bool {
        guard let expiresAt else { return true }
        let life = max(0, expiresAt.milliseconds - issuedAt.milliseconds)
        return expiresAt.milliseconds - now.milliseconds > min(max(life / 5, Self.shortest), life / 2)
    }

    func lives(at now: Timestamp) -> Bool { expiresAt.map { now < $0 } ?? true }
}

extension Connection {
    /// What the API shows. Nothing secret.
    package func document(at issuer: IssuerURL) -> JSONObject {
        [
            "name": .string(secret.text),
            "connection_id": .string(id.text),
            "status": .string(status.rawValue),
            "reason": .text(reason),
            "owner": .text(owner),
            "account": .text(account),
            "provider": .object(provider.document),
            "redirect_uri": .string(redirectURI(at: issuer)),
            "allow_private_network": .bool(allowPrivateNetwork),
            "granted_scopes": granted.map { .texts($0.tokens) } ?? .null,
            "connected_by": .text(connectedBy?.text),
            "connected_at": .time(connectedAt),
            "refreshed_at": .time(refreshedAt),
            "expires_at": .time(token?.expiresAt),
            "flow": flow.map { .object($0.document) } ?? .null,
            "created_at": .time(createdAt),
        ]
    }
}

extension Connection.Flow {
    fileprivate var document: JSONObject {
        [
            "started_by": .string(startedBy.text), "started_for": .text(startedFor), "expires_at": .time(expiresAt),
            "answered": .bool(code != nil),
        ]
    }
}
