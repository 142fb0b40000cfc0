import JOSE
import OAuth
import Vault

/// What a command asks of a server that may be sealed: both calls need no token, which a sealed server could not give.
extension AdminClient {
    /// How a vault is opened.
    enum OpenedBy: Equatable {
        case passphrase
        case rootKeyFile
    }

    /// How the vault is opened if it is sealed (`GET /health/ready`); nil when it is open.
    func sealedVault() async throws -> OpenedBy? {
        let answer = try await transport.send("GET", profile.server.text + "/health/ready")
        let document = (try? JSON(parsing: answer.bytes))?.object
        guard let document, document["status"]?.string != nil else {
            throw CommandFailure("\(profile.server) answers, but not as a Legate server")
        }
        guard document["reason"]?.string == "sealed" else { return nil }
        return document["opened_by"]?.string == "root key file" ? .rootKeyFile : .passphrase
    }

    /// Seconds for which a command goes on when somebody else is trying.
    private static let patience = 60

    /// Unseals the vault, and waits its turn when the server asks for that.
    ///
    /// - Parameter passphrase: nil for a vault that the root key file opens; then the profile's credentials are sent.
    func unseal(with passphrase: Secret?) async throws -> JSON {
        var headers: [(name: String, value: String)] = []
        var body: JSONObject = [:]
        if let passphrase {
            body["passphrase"] = .string(passphrase.withBytes { String(decoding: $0, as: UTF8.self) })
        } else {
            headers.append(("Authorization", try credentials().basic))
        }
        let url = profile.server.text + "/admin/vault/unseal"
        let content = Transport.Body(type: "application/json", bytes: body.serialized)
        var waited = 0
        while true {
            let answer = try await transport.send("POST", url, headers: headers, body: content)
            guard [429, 503].contains(answer.status), let seconds = answer.retryAfter, seconds > 0,
                seconds <= Self.patience - waited
            else { return try json(answer) }
            waited += seconds
            try await Task.sleep(for: .seconds(seconds))
        }
    }
}
