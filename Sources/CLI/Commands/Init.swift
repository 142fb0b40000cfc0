import ArgumentParser
import Foundation
import Storage

/// `legate init`
struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create the database, the root key, the first signing key and the first operator.",
        discussion: """
            Example:
              legate init --data ./data --issuer https://auth.example.com
              legate init --data ./data --passphrase-file passphrase.txt

            With --passphrase-file there is no root key file: the passphrase opens the vault, and the server starts sealed.
            The operator's credentials are written to DIR/admin.json; LEGATE_PROFILE=DIR/admin.json makes the other
            commands use them.
            """
    )

    @OptionGroup var local: LocalOptions

    func run() async throws {
        _ = ProcessHardening.apply()
        let configuration = try await local.read()
        let passphrase = try configuration.passphraseFile.map { try PassphraseSource.file($0).read() }
        let store = try await SQLiteStore.open(path: Assembly.databasePath(configuration))
        let made = try await Installation.make(configuration, passphrase: passphrase, store: store)
        try await store.close()
        guard let made else {
            throw ConfigurationError("data", "\(configuration.data) holds a database already")
        }
        if passphrase != nil { announce("the passphrase opens the vault; nobody can without it") }
        if made.rootKeyWasCreated {
            announce("created the root key \(configuration.rootKey); keep a copy in a safe place")
        }
        announce("created the database in \(configuration.data) for \(made.issuer)")
        announce("wrote the first operator's credentials to \(made.credentialsFile)")
    }

    private func announce(_ line: String) {
        FileHandle.standardError.write(Data("legate: \(line)\n".utf8))
    }
}

/// What `init` and `serve` share on the command line. Flags come before the environment and the file.
struct LocalOptions: ParsableArguments {
    @Option(help: "The data directory.")
    var data: String?

    @Option(help: "The issuer identifier.")
    var issuer: String?

    @Option(help: "The root key file; made when absent.")
    var rootKey: String?

    @Option(help: "A file whose first line is the passphrase that opens the vault, instead of a root key file.")
    var passphraseFile: String?

    @Option(help: "A JSON file with options.")
    var config: String?

    func read(_ more: [String: String?] = [:]) async throws -> LegateConfiguration {
        if rootKey != nil, passphraseFile != nil {
            throw ValidationError("--root-key cannot be given together with --passphrase-file")
        }
        var flags: [String: String?] = [
            "data": data, "issuer": issuer, "root-key": rootKey, "passphrase-file": passphraseFile,
        ]
        flags.merge(more) { _, new in new }
        return try await LegateConfiguration.read(flags: flags.compactMapValues { $0 }, file: config)
    }
}
