import ArgumentParser
import JOSE
import Vault

extension KeyCommand {
    /// `legate key import`
    struct Import: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring a signing key of your own; it takes over when every cache has seen it.",
            discussion: """
                Example:
                  legate key import signing.p12 --passphrase-file passphrase.txt
                  legate key import signing.pem

                FILE holds one private key under a passphrase: an encrypted PKCS#8 key in PEM, or a PKCS#12 file. EC P-256 signs
                ES256, Ed25519 signs Ed25519, RSA from 2048 to 4096 bits signs RS256. Certificates are looked at, and not kept.

                The file is sent as it is, and the server opens it. Without --passphrase-file the passphrase is asked for without
                showing it; in a pipe it is the first line of standard input.

                The key signs until somebody rotates, imports or revokes: the schedule leaves it alone.
                """
        )

        @Argument(help: "The key file.", completion: .file())
        var file: String

        @Option(
            help: ArgumentHelp("A file whose first line is the passphrase; - for standard input.", valueName: "file"))
        var passphraseFile: String?

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            let bytes = try Files.read(file)
            guard (1...KeyFile.longest).contains(bytes.count) else {
                throw CommandFailure("\(file) must have 1 to \(KeyFile.longest) bytes")
            }
            let passphrase =
                if let passphraseFile {
                    try PassphraseSource.file(passphraseFile).read()
                } else {
                    try PassphrasePrompt.ask("Passphrase of \(file): ")
                }
            let body: JSONObject = [
                "file": .string(Base64URL.encode(bytes)),
                "passphrase": .string(passphrase.withBytes { String(decoding: $0, as: UTF8.self) }),
            ]
            return .card(try await server.post("keys/import", body), note: "the key signs from active_from on")
        }
    }
}
