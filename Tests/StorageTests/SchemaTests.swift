import Foundation
import GRDB
import OAuth
import Support
import Testing

@testable import Storage

@Suite("Migrations")
struct SchemaTests {
    @Test("a released migration never changes", arguments: Schema.migrations.map(\.version))
    func pinned(_ version: Int) throws {
        let migration = try #require(Schema.migrations.first { $0.version == version })
        #expect(migration.actualHash == migration.hash, "V000\(version) was changed: write a new migration instead")
    }

    @Test("migrations are numbered from one without gap")
    func numbering() {
        #expect(Schema.migrations.map(\.version) == Array(1...Schema.migrations.count))
    }

    @Test("a database is migrated once, and its migrations are remembered")
    func remembered() async throws {
        let installation = try await Installation.open(.sqlite).reopened()
        let store = try #require(installation.store as? SQLiteStore)
        let names = try await store.pool.read { database in
            try String.fetchAll(
                database, sql: "SELECT name FROM schema_migrations WHERE applied_at > 0 ORDER BY version"
            )
        }
        #expect(names == Schema.migrations.map(\.name))
    }

    @Test("a database of a newer version is refused, and stays as it is")
    func newer() async throws {
        let installation = try await Installation.open(.sqlite)
        let known = Schema.migrations.count
        try await Self.execute(
            "INSERT INTO schema_migrations VALUES (\(known + 1), 'future', '\(String(repeating: "0", count: 64))', 1)",
            installation
        )
        await #expect(throws: StorageError.newerSchema(found: known + 1, known: known)) {
            try await installation.reopened()
        }
        // The refusal left the directory unlocked.
        await #expect(throws: StorageError.newerSchema(found: known + 1, known: known)) {
            try await Engine.sqlite.open(at: installation.directory.path)
        }
    }

    @Test("a database made with another text of a migration is refused")
    func changed() async throws {
        let installation = try await Installation.open(.sqlite)
        try await Self.execute(
            "UPDATE schema_migrations SET hash = '\(String(repeating: "0", count: 64))' WHERE version = 2", installation
        )
        await #expect(throws: StorageError.changedMigration(version: 2, name: "ledger")) {
            try await installation.reopened()
        }
    }

    @Test("an embedded file that is not the pinned one is not applied")
    func notPinned() throws {
        let directory = try TemporaryDirectory()
        let queue = try DatabaseQueue(path: directory.path + "/x.db")
        let migration = Schema.Migration(version: 1, name: "x", sql: Array("CREATE TABLE x (a)".utf8), hash: "no")
        #expect(throws: StorageError.changedMigration(version: 1, name: "x")) {
            try queue.writeWithoutTransaction { try Schema.migrate($0, path: "x.db", [migration]) }
        }
    }

    @Test("a migration that fails leaves nothing of itself")
    func atomic() throws {
        let directory = try TemporaryDirectory()
        let queue = try DatabaseQueue(path: directory.path + "/x.db")
        let sql = Array("CREATE TABLE x (a) STRICT; CREATE TABLE y (a INTEGER) STRICT; SELECT nonsense".utf8)
        let draft = Schema.Migration(version: 1, name: "x", sql: sql, hash: "")
        let migration = Schema.Migration(version: 1, name: "x", sql: sql, hash: draft.actualHash)
        #expect(throws: DatabaseError.self) {
            try queue.writeWithoutTransaction { try Schema.migrate($0, path: "x.db", [migration]) }
        }
        let tables = try queue.read {
            try String.fetchAll($0, sql: "SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        #expect(tables == ["schema_migrations"])
    }

    @Test("somebody else's database is refused, and so is a file that is none")
    func foreign() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/legate.db"
        try await DatabaseQueue(path: path).write { try $0.execute(sql: "CREATE TABLE notes (text TEXT)") }
        await #expect(throws: StorageError.notADatabase(path: path)) {
            try await Engine.sqlite.open(at: directory.path)
        }
        try Data(String(repeating: "not a database ", count: 500).utf8).write(to: URL(fileURLWithPath: path))
        await #expect(throws: StorageError.notADatabase(path: path)) {
            try await Engine.sqlite.open(at: directory.path)
        }
    }

    private static func execute(_ sql: String, _ installation: Installation) async throws {
        let store = try #require(installation.store as? SQLiteStore)
        try await store.pool.write { try $0.execute(sql: sql) }
    }
}
