import ArgumentParser
import Foundation
import JOSE
import Vault

extension VaultCommand {
    /// `legate vault unseal`
    struct Unseal: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Open a sealed server.",
            discussion: """
                Example:
                  legate vault unseal
                  legate vault unseal --passphrase-file passphrase.txt

                Asks for the passphrase without showing it; in a pipe it reads standard input. When the root key file opens the
                vault, the server reads it again; that needs an operator with vault:manage.
                """
        )

        @Option(
            help: ArgumentHelp("A file whose first line is the passphrase; - for standard input.", valueName: "file"))
        var passphraseFile: String?

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            guard let kind = try await server.sealedVault() else {
                return .card(["sealed": false], note: "the vault was not sealed")
            }
            let passphrase: Secret? =
                if let passphraseFile {
                    try PassphraseSource.file(passphraseFile).read()
                } else if kind == .rootKeyFile {
                    nil
                } else {
                    try PassphrasePrompt.ask("Passphrase of the vault: ")
                }
            return .card(try await server.unseal(with: passphrase), note: "the vault is open")
        }
    }
}
