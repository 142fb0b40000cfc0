import ArgumentParser
import Foundation
import JOSE
import Storage
import Vault

/// `legate vault restore`
struct VaultRestore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Put a backup in place, after everything about it was checked.",
        discussion: """
            Reads the whole file, opens it with the root key or the passphrase of its time, checks the database, every \
            sealed box and every link of the audit trail, and only then puts it into the directory, which must be missing \
            or empty. --check puts nothing anywhere.

            What was revoked or rotated after the backup was made is not in it: see Docs/Vault.md.

            Example:
              legate vault restore legate.backup --data ./data --root-key Keys/root.key
              legate vault restore legate.backup --check --passphrase-file passphrase.txt
            """
    )

    @Argument(help: "The backup.", completion: .file())
    var file: String

    @Option(help: ArgumentHelp("The data directory to make.", valueName: "dir"))
    var data: String?

    @Option(help: ArgumentHelp("The root key file that opens it (default ./Keys/root.key).", valueName: "file"))
    var rootKey: String?

    @Option(help: ArgumentHelp("A file whose first line is the passphrase that opens it.", valueName: "file"))
    var passphraseFile: String?

    @Flag(help: "Only check the backup.")
    var check = false

    @Option(help: "table (default on a terminal) or json (default in a pipe).")
    var output: OutputFormat?

    func validate() throws {
        if check == (data != nil) { throw ValidationError("either --data or --check is required") }
        if rootKey != nil, passphraseFile != nil {
            throw ValidationError("--root-key cannot be given together with --passphrase-file")
        }
    }

    func run() async throws {
        let passphrase = try passphraseFile.map { try PassphraseSource.file($0).read() }
        let key = RestoreKey(rootKey: rootKey ?? "./Keys/root.key", passphrase: passphrase)
        let scratch = FileManager.default.temporaryDirectory.path + "/legate-check-" + UUID().uuidString
        let directory = try RestoreDirectory(path: data ?? scratch)
        defer { if check { try? FileManager.default.removeItem(atPath: scratch) } }
        let report: JSONObject
        do {
            report = try await Restoration(file: file, key: key, directory: directory).check(isKept: !check)
            if !check { try directory.place() }
        } catch {
            directory.discard()
            throw error
        }
        let note = data.map { "restored into \($0): legate serve --data \($0)" } ?? "the backup is whole"
        try Printer(format: output ?? .usual, isQuiet: false).print(.card(.object(report), note: note))
    }
}
