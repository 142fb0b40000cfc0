import ArgumentParser
import Crypto
import Foundation
import JOSE
import OAuth
import Synchronization

/// The key with which a client proves that its tokens are its own (RFC 9449), and the last nonce of the server.
final class ProofKey: Sendable {
    private let key: SigningKey
    private let nonce = Mutex<String?>(nil)

    init(_ key: SigningKey) { self.key = key }

    /// - Parameter file: a P-256 private key as PEM, as `openssl genpkey -algorithm EC -pkeyopt
    ///   ec_paramgen_curve:P-256` writes it.
    convenience init(file: String) throws(CommandFailure) {
        let text = String(decoding: try Files.read(file), as: UTF8.self)
        do {
            let key = try P256.Signing.PrivateKey(pemRepresentation: text)
            self.init(try SigningKey(algorithm: .es256, rawRepresentation: Array(key.rawRepresentation)))
        } catch {
            throw CommandFailure(
                "\(file) holds no P-256 private key as PEM; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "
                    + "makes one"
            )
        }
    }

    /// The header for one request.
    ///
    /// - Parameter token: the token that goes with it; nil at the token endpoint.
    func header(_ method: String, _ url: String, token: String?) throws -> (name: String, value: String) {
        let proof = try DPoPProof.signed(
            by: key, method: method, url: url, accessToken: token, nonce: nonce.withLock { $0 },
            id: Unguessable.text(bytes: 16), at: Int64(Date().timeIntervalSince1970)
        )
        return ("DPoP", proof)
    }

    /// Keeps the nonce of an answer.
    ///
    /// - Returns: whether the request was refused for want of it, and is worth a second try.
    func learn(from answer: Transport.Answer) -> Bool {
        guard let new = answer.nonce else { return false }
        let isNew = nonce.withLock { nonce in
            defer { nonce = new }
            return nonce != new
        }
        return isNew && (answer.status == 400 || answer.status == 401)
    }
}

/// `--dpop-key` of the commands that get tokens for a client.
struct ProofKeyOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A P-256 private key (PEM): the token is bound to it (DPoP), and only its holder can use it.",
            valueName: "file"),
        completion: .file()
    )
    var dpopKey: String?

    /// Nil when none is named.
    func key() throws(CommandFailure) -> ProofKey? {
        guard let dpopKey else { return nil }
        return try ProofKey(file: dpopKey)
    }
}
