import JOSE
import Vault

/// What a connection keeps secret, all of it in one sealed box.
struct ConnectionGrant: Sendable, Redacted {
    /// Legate's own at the provider.
    var clientSecret: String?
    var refreshToken: String?
    /// PKCE (RFC 7636), while somebody is on their way through the provider's pages.
    var verifier: String?
    /// The authorization code, from the provider's answer until it is redeemed.
    var code: String?

    private enum Member {
        static let clientSecret = "client_secret"
        static let refreshToken = "refresh_token"
        static let verifier = "code_verifier"
        static let code = "code"
    }

    init(clientSecret: String? = nil) { self.clientSecret = clientSecret }

    /// Nil when the bytes are not what `sealed` wrote.
    init?(_ opened: Secret) {
        guard let object = opened.withBytes({ (try? JSON(parsing: $0))?.object }) else { return nil }
        clientSecret = object[Member.clientSecret]?.string
        refreshToken = object[Member.refreshToken]?.string
        verifier = object[Member.verifier]?.string
        code = object[Member.code]?.string
    }

    private var serialized: [UInt8] {
        var object: JSONObject = [:]
        object[Member.clientSecret] = clientSecret.map(JSON.string)
        object[Member.refreshToken] = refreshToken.map(JSON.string)
        object[Member.verifier] = verifier.map(JSON.string)
        object[Member.code] = code.map(JSON.string)
        return object.serialized
    }

    /// Opens what a connection keeps.
    init(of connection: Connection, with barrier: Barrier) throws {
        let opened = try barrier.open(try SealedBox(bytes: connection.box), at: connection.place)
        guard let grant = ConnectionGrant(opened) else {
            throw VaultError.cannotOpen(place: connection.place.description)
        }
        self = grant
    }

    /// Puts itself into a connection, in a new box.
    func seal(into connection: inout Connection, with barrier: Barrier) throws {
        connection.boxVersion += 1
        connection.box = try Secret(serialized).withBytes { try barrier.seal($0, at: connection.place).bytes }
    }
}

extension Connection {
    /// Where the box belongs.
    var place: Place {
        Place(table: "connections", row: id.text, version: boxVersion, purpose: "connection grant")
    }
}
