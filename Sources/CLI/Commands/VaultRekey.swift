import ArgumentParser
import Foundation
import JOSE
import Vault

extension VaultCommand {
    /// `legate vault rekey`
    struct Rekey: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change what opens the vault: another root key, or a passphrase.",
            discussion: """
                Example:
                  legate vault rekey
                  legate vault rekey --root-key new-root.key
                  legate vault rekey --passphrase-file passphrase.txt --argon2-memory 262144
                  legate vault rekey --passphrase

                Without options the server writes a new root key file where the old one is. What is sealed is not touched; the
                old key or passphrase opens nothing from then on, but for backups made before.
                """
        )

        @Option(help: ArgumentHelp("A file with the new root key: the server keeps it as its own.", valueName: "file"))
        var rootKey: String?

        @Option(
            help: ArgumentHelp("A file whose first line is the passphrase; - for standard input.", valueName: "file"))
        var passphraseFile: String?

        @Flag(help: "Ask for a new passphrase.")
        var passphrase = false

        @Option(help: ArgumentHelp("Memory that deriving from the passphrase takes.", valueName: "kib"))
        var argon2Memory: Int?

        @Option(help: ArgumentHelp("Passes over that memory.", valueName: "n"))
        var argon2Passes: Int?

        @OptionGroup var connection: ConnectionOptions

        func validate() throws {
            let ways = [rootKey != nil, passphraseFile != nil, passphrase].count { $0 }
            guard ways <= 1 else {
                throw ValidationError("only one of --root-key, --passphrase-file and --passphrase can be given")
            }
            if argon2Memory != nil || argon2Passes != nil, passphraseFile == nil, !passphrase {
                throw ValidationError("--argon2-memory and --argon2-passes belong to a passphrase")
            }
        }

        func answer(from server: AdminClient) async throws -> Answer {
            var body: JSONObject = [:]
            if let rootKey {
                body["root_key"] = .string(try Files.word(rootKey, what: "root key"))
            } else if passphrase || passphraseFile != nil {
                let secret =
                    try passphraseFile.map { try PassphraseSource.file($0).read() }
                    ?? PassphrasePrompt.ask("New passphrase of the vault: ", isNew: true)
                body["passphrase"] = .string(secret.withBytes { String(decoding: $0, as: UTF8.self) })
                if let argon2Memory { body["argon2_memory_kib"] = .integer(Int64(argon2Memory)) }
                if let argon2Passes { body["argon2_passes"] = .integer(Int64(argon2Passes)) }
            }
            return .card(try await server.post("vault/rekey", body))
        }
    }
}
