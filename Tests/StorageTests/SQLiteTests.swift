import Foundation
import GRDB
import OAuth
import Support
import Testing
import Vault

@testable import Storage

/// What is particular to SQLite: its files, its settings, what a record costs.
@Suite("The database file")
struct SQLiteTests {
    private static func sqlite(_ installation: Installation) throws -> SQLiteStore {
        try #require(installation.store as? SQLiteStore)
    }

    private static func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test("every commit is synced: what was acknowledged survives a power cut")
    func durable() async throws {
        let store = try Self.sqlite(try await Installation.open(.sqlite))
        func pragma(_ name: String) async throws -> String? {
            try await store.pool.writeWithoutTransaction { try String.fetchOne($0, sql: "PRAGMA \(name)") }
        }
        #expect(try await pragma("synchronous") == "2")
        #expect(try await pragma("journal_mode") == "wal")
        #expect(try await pragma("foreign_keys") == "1")
        #expect(try await pragma("mmap_size") == "0")
        #expect(try await pragma("wal_autocheckpoint") == "0")
    }

    @Test("only the owner can read what is made, whatever the directory above")
    func modes() async throws {
        let parent = try TemporaryDirectory()
        let directory = parent.path + "/deep/data"
        let store = try await Engine.sqlite.open(at: directory)
        try await store.setSetting("a", to: "b")
        #expect(try Self.mode(directory) == 0o700)
        for file in try FileManager.default.contentsOfDirectory(atPath: directory) {
            #expect(try Self.mode(directory + "/" + file) == 0o600, "\(file)")
        }
        try await store.close()
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: directory + "/legate.db")
        try await Engine.sqlite.open(at: directory).close()
        #expect(try Self.mode(directory + "/legate.db") == 0o600)
    }

    @Test("after closing, everything is in one file")
    func oneFile() async throws {
        let installation = try await Installation.open(.sqlite)
        try await installation.commit(audit: [Sample.fullEvent])
        _ = try await installation.load()
        try await installation.store.close()
        let files = try FileManager.default.contentsOfDirectory(atPath: installation.directory.path)
        #expect(files.filter { $0.hasPrefix("legate.db") } == ["legate.db"])
    }

    @Test("a record of a delegated token takes less than 600 bytes on disk, its indexes included")
    func recordSize() async throws {
        let installation = try await Installation.open(.sqlite)
        let store = try Self.sqlite(installation)
        func size() async throws -> Int64 {
            try await store.pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
            return try await installation.store.auditExtent().bytes
        }
        let before = try await size()
        for batch in 0..<100 {
            let entries = (0..<100).map { number in
                let time = Sample.time.adding(seconds: batch * 100 + number)
                return Entry(audit: [Sample.issued(Unguessable.timeOrdered(at: time), at: time)])
            }
            _ = try await installation.commit(entries)
        }
        let perRecord = Double(try await size() - before) / 10_000
        #expect(perRecord > 300 && perRecord < 600, "\(perRecord) bytes")
    }

    @Test("a token's records are found by its jti without reading the trail")
    func jtiIndex() async throws {
        let store = try Self.sqlite(try await Installation.open(.sqlite))
        let plan = try await store.pool.read { database in
            try Row.fetchAll(
                database,
                sql: "EXPLAIN QUERY PLAN \(AuditRecordRow.select) WHERE audit.seq > 0 AND jti = 'a' ORDER BY audit.seq"
            ).compactMap { $0["detail"] as String? }
        }
        #expect(plan.contains { $0.contains("audit_by_jti") })
        #expect(!plan.contains { $0.hasPrefix("SCAN audit") || $0.contains("TEMP B-TREE") })
    }

    @Test("a target's records are found without reading the trail, and those of secrets are found too")
    func targetIndex() async throws {
        let installation = try await Installation.open(.sqlite)
        let store = try Self.sqlite(installation)
        let targets = ["client/a", "secret/a", "secret/a/versions/1", "client/b", "secretary/a"]
        _ = try await installation.commit(
            targets.map { target in
                var event = Sample.issued(Unguessable.timeOrdered(at: Sample.time), at: Sample.time)
                event.target = target
                return Entry(audit: [event])
            }
        )
        for (number, target) in targets.enumerated() {
            var query = AuditQuery()
            query.target = target
            #expect(try await store.auditRecords(matching: query).map(\.sequence) == [Int64(number + 1)])
        }
        let plan = try await store.pool.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    EXPLAIN QUERY PLAN \(AuditRecordRow.select) WHERE audit.seq > 0 AND target = 'client/a'
                    AND substr(target, 1, 7) <> 'secret/' ORDER BY audit.seq
                    """
            ).compactMap { $0["detail"] as String? }
        }
        #expect(plan.contains { $0.contains("audit_by_target") })
        #expect(!plan.contains { $0.hasPrefix("SCAN audit") || $0.contains("TEMP B-TREE") })
    }

    @Test("a row that we did not write is an error that names it, not a wider permission")
    func malformedRows() async throws {
        let rows = [
            "UPDATE clients SET resources = 'https://ok.example.com nonsense'", "UPDATE clients SET scopes = 'a \"'",
            "UPDATE clients SET client_id = 'no spaces please'",
            "UPDATE clients SET grants = 'client_credentials magic'",
            "UPDATE clients SET exchange_scopes = '[[\"a\"]]'", "UPDATE clients SET workloads = '{'",
            "UPDATE clients SET acts_as = 'ftp://x'",
            "UPDATE clients SET jwks_uri = NULL, jwks = '{\"keys\":[]}'",
            "UPDATE resources SET uri = 'nonsense'", "UPDATE issuers SET audiences = '[1]'",
            "UPDATE delegation_rules SET client_id = ' '", "UPDATE delegations SET may_act = 'worker not/a/client'",
        ]
        for sql in rows {
            let installation = try await Installation.open(.sqlite)
            try await installation.commit(
                .create(.client(Sample.client())), .create(.resource(Sample.resource())),
                .create(.issuer(try Sample.issuer())), .create(.rule(try Sample.rule())),
                .create(.delegation(try Sample.delegation()))
            )
            try await Self.sqlite(installation).pool.write { database in
                try database.execute(sql: sql)
            }
            await #expect(throws: StorageError.self, "\(sql)") { try await installation.load() }
        }
    }

    @Test("the schema refuses what the domain could not have said")
    func constraints() async throws {
        let installation = try await Installation.open(.sqlite)
        try await installation.commit(.create(.client(Sample.client())), audit: [Sample.fullEvent])
        let store = try Self.sqlite(installation)
        for sql in [
            "UPDATE clients SET enabled = 2", "UPDATE clients SET kind = 'god'", "UPDATE clients SET auth = 'none'",
            "UPDATE clients SET revision = 0", "UPDATE clients SET jwks = '{}'", "UPDATE clients SET token_ttl = 901",
            "UPDATE client_secrets SET digest = x'00'", "UPDATE client_secrets SET client = 99",
            "UPDATE audit SET hash = x'00'", "UPDATE audit SET allowed = 2", "UPDATE audit SET timestamp = 'now'",
            "INSERT INTO spent VALUES (x'00', 1)", "INSERT INTO closed_names VALUES ('client', 'a', 1)",
            "INSERT INTO audit_head VALUES (2, 1, zeroblob(32), zeroblob(32), NULL)",
            "INSERT INTO audit_archives VALUES (1, 1, zeroblob(32), zeroblob(32), 1, '../x', '', 1)",
        ] {
            await #expect(throws: DatabaseError.self, "\(sql)") {
                try await store.pool.write { try $0.execute(sql: sql) }
            }
        }
    }
}
