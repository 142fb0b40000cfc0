import ArgumentParser
import JOSE
import Storage

/// `legate vault backup`
struct VaultBackup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Save everything in one encrypted file, while the server goes on.",
        discussion: """
            The file holds the database and the archives of the audit trail. It opens with the root key, or a passphrase, \
            that opens the vault now: keep that elsewhere. It does not hold the root key, TLS keys and admin.json.

            Example:
              legate vault backup legate-2026-11-21.backup
              legate vault restore legate-2026-11-21.backup --check --root-key Keys/root.key
            """
    )

    @Argument(help: "The new file; one that exists is not written over.", completion: .file())
    var file: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var target = try NewFile(path: file)
        let unreadable: [JSON]
        do {
            unreadable = try await connection.withServer { server in
                try await server.stream("vault/backup", method: "POST") { try target.write($0) }
                return try await server.get("vault", [("check", "boxes")]).object?["unreadable"]?.array ?? []
            }
            // Reading the header says how long the file must be.
            _ = try BackupFile(path: target.temporary)
            try target.keep()
        } catch {
            target.discard()
            throw error
        }
        var answer: JSONObject = ["file": .string(file), "bytes": .integer(target.count)]
        if !unreadable.isEmpty { answer["unreadable"] = .array(unreadable) }
        try connection.printer.print(
            Answer(
                .object(answer), text: "",
                note: "\(file) saved, \(target.count) bytes; legate vault restore --check reads it",
                failure: Self.warning(of: unreadable.compactMap(\.string)))
        )
    }

    /// What is said of boxes that do not open; nil when there is none.
    private static func warning(of unreadable: [String]) -> String? {
        guard let first = unreadable.first else { return nil }
        let others = unreadable.count > 1 ? " and \(unreadable.count - 1) others" : ""
        return "\(first)\(others) cannot be opened, so this backup does not restore: use an older one, or give such "
            + "versions up with legate secret destroy and back up again"
    }
}
