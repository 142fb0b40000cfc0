import JOSE
import OAuth

/// Which server to talk to, and as whom.
struct Profile: Equatable, Sendable {
    let server: IssuerURL
    /// Nil when only a server is named: enough for what needs no client, or another one.
    let credentials: Credentials?
    /// The file that it was read from, if it was one.
    let file: String?

    /// Those of its files that group or others can read.
    var exposedFiles: [String] {
        [file, credentials?.proofKeyFile].compactMap { $0 }.filter { Files.isReadableByOthers($0) }
    }

    /// Where `legate init` leaves the first operator's credentials, seen from the directory it ran in.
    static let defaultFile = "./data/admin.json"

    /// Finds the profile: the file that `LEGATE_PROFILE` names, else `LEGATE_SERVER`, `LEGATE_CLIENT_ID` and
    /// `LEGATE_CLIENT_SECRET`, else `./data/admin.json` when it exists. `LEGATE_DPOP_KEY` names the key that tokens are
    /// bound to, and comes before the one that a profile names. An empty variable counts as absent.
    ///
    /// - Parameters:
    ///   - server: `--server`, which comes before every other name of the server.
    ///   - read: the content of a file, or nil when there is none that can be read.
    static func find(
        server: String?, environment: [String: String], read: (String) -> [UInt8]? = Files.contents
    ) throws(CommandFailure) -> Profile {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let proofKey = variable("LEGATE_DPOP_KEY")
        if let file = variable("LEGATE_PROFILE") {
            guard let bytes = read(file) else {
                throw CommandFailure("cannot read the profile \(file), which LEGATE_PROFILE names")
            }
            return try Profile(file: file, bytes, server: server, proofKey: proofKey)
        }
        let named = server ?? variable("LEGATE_SERVER")
        switch (variable("LEGATE_CLIENT_ID"), variable("LEGATE_CLIENT_SECRET")) {
        case (let id?, let secret?):
            guard let named else { throw CommandFailure("LEGATE_SERVER is not set, and no --server is given") }
            var credentials = Credentials(clientID: id, secret: secret)
            credentials.proofKeyFile = proofKey
            return Profile(server: try url(named), credentials: credentials)
        case (.some, nil): throw CommandFailure("LEGATE_CLIENT_ID is set, but LEGATE_CLIENT_SECRET is not")
        case (nil, .some): throw CommandFailure("LEGATE_CLIENT_SECRET is set, but LEGATE_CLIENT_ID is not")
        case (nil, nil): break
        }
        if let bytes = read(defaultFile) {
            return try Profile(file: defaultFile, bytes, server: named, proofKey: proofKey)
        }
        guard let named else {
            throw CommandFailure(
                "no server is known: set LEGATE_PROFILE to a profile file such as data/admin.json, or set LEGATE_SERVER, "
                    + "LEGATE_CLIENT_ID and LEGATE_CLIENT_SECRET"
            )
        }
        return Profile(server: try url(named), credentials: nil)
    }

    private init(server: IssuerURL, credentials: Credentials?) {
        self.server = server
        self.credentials = credentials
        file = nil
    }

    private init(
        file: String, _ bytes: [UInt8], server: String?, proofKey: String?
    ) throws(CommandFailure) {
        guard let object = (try? JSON(parsing: bytes))?.object, let named = object["server"]?.string,
            let id = object["client_id"]?.string, let secret = object["client_secret"]?.string
        else {
            throw CommandFailure("the profile \(file) is not a JSON object with server, client_id and client_secret")
        }
        self.server = try Self.url(server ?? named)
        var credentials = Credentials(clientID: id, secret: secret)
        let ownKey = try Self.proofKey(object["dpop_key"], of: file)
        credentials.proofKeyFile = proofKey ?? ownKey
        self.credentials = credentials
        self.file = file
    }

    /// The key file that a profile names, seen from where the profile lies: it works in whatever directory one is.
    private static func proofKey(_ value: JSON?, of file: String) throws(CommandFailure) -> String? {
        guard let value, !value.isNull else { return nil }
        guard let path = value.string, !path.isEmpty else {
            throw CommandFailure(
                "dpop_key of the profile \(file) must be a text: the path of a P-256 private key as PEM"
            )
        }
        guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
        return String(file[...slash]) + path
    }

    private static func url(_ text: String) throws(CommandFailure) -> IssuerURL {
        let trimmed = text.hasSuffix("/") ? String(text.dropLast()) : text
        guard let url = IssuerURL(trimmed) else {
            throw CommandFailure(
                "the server \(text) is not an https URL (http only on loopback) without query and fragment")
        }
        return url
    }
}

/// A client's id and secret. It does not print the secret.
struct Credentials: Equatable, Sendable, CustomStringConvertible, CustomReflectable {
    let clientID: String
    let secret: String
    /// A file with the key that the client's tokens are bound to.
    var proofKeyFile: String?

    /// `client_secret_basic` (RFC 6749, 2.3.1): both parts are form-encoded first.
    var basic: String { FormText.basic(clientID, secret) }

    var description: String { "Credentials(\(clientID), redacted)" }
    var customMirror: Mirror { Mirror(self, children: [(label: String?, value: Any)]()) }
}
