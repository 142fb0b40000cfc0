import ArgumentParser
import Foundation
import JOSE
import OAuth
import Vault

/// `legate vault`
struct VaultCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vault",
        abstract: "The keys of the vault: sealing, unsealing, rotating, changing the root key.",
        discussion: """
            Example:
              legate vault status
              legate vault seal
              legate vault unseal --passphrase-file passphrase.txt
            """,
        subcommands: [
            Status.self, Unseal.self, Seal.self, Rotate.self, Rekey.self, VaultBackup.self, VaultRestore.self,
        ]
    )

    struct Status: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show root keys, terms, what is sealed under which, and what is still to do.",
            discussion: """
                Example:
                  legate vault status
                """
        )

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            // A sealed server has no tokens to give; whether it is sealed, everybody may know.
            if try await server.sealedVault() != nil { return .card(["sealed": true]) }
            return .vault(try await server.get("vault"))
        }
    }

    struct Seal: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget all keys at once: nothing is answered until somebody unseals the vault.",
            discussion: """
                Example:
                  legate vault seal
                """
        )

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            if try await server.sealedVault() != nil {
                return .card(["sealed": true], note: "the vault was sealed already")
            }
            return .card(try await server.post("vault/seal", [:]))
        }
    }

    struct Rotate: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Seal with a new term from now on; what is sealed under older ones is sealed anew in the background.",
            discussion: """
                Example:
                  legate vault rotate
                  legate vault status
                """
        )

        @OptionGroup var connection: ConnectionOptions

        func answer(from server: AdminClient) async throws -> Answer {
            .vault(try await server.post("vault/rotate", [:]))
        }
    }
}

extension Answer {
    /// The state of the vault, and below it its terms with what is sealed under each.
    static func vault(_ json: JSON) -> Answer {
        var rest = json.object ?? [:]
        let terms = rest["terms"]?.array ?? []
        rest["terms"] = nil
        let columns: [Table.Column] = [
            .init("TERM", "term"), .init("CREATED", "created_at"), .init("ACTIVE", "active"), .init("BOXES", "boxes"),
            .init("SEALED") { term in
                let tables = term["boxes_by_table"]?.object?.members ?? []
                let counts = tables.map { "\($0.name) \(Table.cell($0.value))" }
                return counts.isEmpty ? "-" : counts.joined(separator: ", ")
            },
        ]
        return Answer(json, text: Table.card(.object(rest)) + "\n\n" + Table.list(terms, columns))
    }
}
