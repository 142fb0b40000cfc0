#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Why storage cannot do what was asked, in a sentence for the log that says what to do.
package enum StorageError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another process has the data directory.
    case inUse(directory: String)
    /// The operating system refuses; `code` is its error number.
    case system(action: String, path: String, code: Int32)
    /// The file is there, but is none of ours.
    case notADatabase(path: String)
    /// A newer version has migrated the database.
    case newerSchema(found: Int, known: Int)
    /// A migration was applied whose text is not the one that this version knows.
    case changedMigration(version: Int, name: String)
    case alreadyInitialised
    /// A row keeps to the schema, but not to what we write.
    case malformedRow(table: String, id: String)
    case malformedArchive(file: String, problem: String)
    /// Records cannot be archived as asked.
    case cannotArchive(String)
    /// SQLite finds the database damaged, and says where.
    case corrupt(String)
    /// A backup has another length than it says of itself.
    case wrongLength(file: String, found: Int64, expected: Int64)
    /// There is something where a backup would be put in place.
    case occupied(directory: String, by: String)

    package var description: String {
        switch self {
        case .inUse(let directory): "\(directory) is in use by another legate process: stop it first"
        case .system(let action, let path, let code): "cannot \(action) \(path): \(Self.words(for: code))"
        case .notADatabase(let path): "\(path) is not a Legate database: move it away or name another data directory"
        case .newerSchema(let found, let known):
            "the database has schema \(found), this version knows \(known): run the newer legate"
        case .changedMigration(let version, let name):
            "migration \(version) (\(name)) of the database is not the one of this version: run the legate that made it"
        case .alreadyInitialised: "the database is initialised already"
        case .malformedRow(let table, let id): "the row \(id) of the table \(table) was not written by legate"
        case .malformedArchive(let file, let problem): "the audit archive \(file) is damaged: \(problem)"
        case .cannotArchive(let reason): "cannot archive the audit trail: \(reason)"
        case .corrupt(let problem): "the database is damaged, \(problem): restore another backup"
        case .wrongLength(let file, let found, let expected):
            "\(file) has \(found) bytes and should have \(expected): it is cut off, or something follows its end"
        case .occupied(let directory, let name):
            "\(directory) is not empty (\(name)): name a directory that is missing or empty"
        }
    }

    /// The error that the last system call left.
    static func last(_ action: String, _ path: String) -> StorageError {
        .system(action: action, path: path, code: errno)
    }

    private static func words(for code: Int32) -> String {
        guard let text = unsafe strerror(code) else { return "error \(code)" }
        return unsafe String(cString: text)
    }
}
