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

            The operator's credentials are written to DIR/admin.json; LEGATE_PROFILE=DIR/admin.json makes the other
            commands use them.
            """
    )

    @OptionGroup var local: LocalOptions

    func run() async throws {
        let configuration = try await local.read()
        let store = try await SQLiteStore.open(path: Assembly.databasePath(configuration))
        let made = try await Assembly.make(configuration, store: store)
        try await store.close()
        guard let made else {
            throw ConfigurationError("data", "\(configuration.data) holds a database already")
        }
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

    @Option(help: "A JSON file with options.")
    var config: String?

    func read(_ more: [String: String?] = [:]) async throws -> LegateConfiguration {
        var flags: [String: String?] = ["data": data, "issuer": issuer, "root-key": rootKey]
        flags.merge(more) { _, new in new }
        return try await LegateConfiguration.read(flags: flags.compactMapValues { $0 }, file: config)
    }
}
