import Foundation
import GRDB
import OAuth
import Support
import Testing
import Vault

@testable import Storage

/// What is particular to SQLite and its files: a crash at any point of archiving, and files that were damaged.
@Suite("Archives after a crash and under attack")
struct ArchiveCrashTests {
    private static func archived(upTo sequence: Int64 = 3) async throws -> (Installation, archive: String) {
        let installation = try await Installation.open(.sqlite)
        try await AuditTests.fill(installation)
        try await installation.store.archiveAudit(
            upTo: sequence, checkpoint: try await installation.checkpoint(at: sequence)
        )
        return (installation, installation.directory.path + "/audit/0000000001-000000000\(sequence).jsonl.gz")
    }

    private static func write(_ installation: Installation, _ change: @escaping @Sendable (Database) throws -> Void)
        async throws
    {
        let store = try #require(installation.store as? SQLiteStore)
        try await store.pool.write { try change($0) }
    }

    @Test("archives are files that only the owner can read")
    func modes() async throws {
        let (installation, archive) = try await Self.archived()
        let files = try FileManager.default.contentsOfDirectory(atPath: installation.directory.path + "/audit")
        #expect(files == ["0000000001-0000000003.jsonl.gz"])
        #expect(try FileManager.default.attributesOfItem(atPath: archive)[.posixPermissions] as? Int == 0o600)
        let directory = installation.directory.path + "/audit"
        #expect(try FileManager.default.attributesOfItem(atPath: directory)[.posixPermissions] as? Int == 0o700)
    }

    @Test("a crash before the file had its name: the unfinished file goes")
    func unfinished() async throws {
        let installation = try await Installation.open(.sqlite)
        try await AuditTests.fill(installation)
        let directory = installation.directory.path + "/audit"
        let again = try await installation.reopened {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try Data("half".utf8).write(to: URL(fileURLWithPath: directory + "/1-3.jsonl.gz.unfinished"))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
        #expect(try await again.verification().records == 5)
    }

    @Test("a crash before the archive was recorded: its records are in the database, so the file goes")
    func unrecorded() async throws {
        let (installation, archive) = try await Self.archived(upTo: 5)
        let records = try await installation.trail()
        try await Self.write(installation) { database in
            try database.execute(sql: "DELETE FROM audit_archives")
            var row = Arguments()
            for record in records {
                row.removeAll()
                let head = AuditHead(sequence: record.sequence, hash: record.hash)
                AuditRecordRow.write(record.event, at: head, to: &row)
                try database.cachedStatement(sql: AuditRecordRow.insert).run(row)
            }
        }
        let again = try await installation.reopened()
        #expect(!FileManager.default.fileExists(atPath: archive))
        #expect(try await again.trail() == records)
        try await again.store.archiveAudit(upTo: 4, checkpoint: try await again.checkpoint(at: 4))
        #expect(try await again.trail() == records)
        #expect(try await again.verification().valid)
    }

    @Test("a crash before the rows were removed: they are removed at the next start, and never read twice")
    func halfRemoved() async throws {
        let (installation, _) = try await Self.archived()
        let records = try await installation.trail()
        try await Self.write(installation) { database in
            var row = Arguments()
            for record in records.prefix(3) {
                row.removeAll()
                let head = AuditHead(sequence: record.sequence, hash: record.hash)
                AuditRecordRow.write(record.event, at: head, to: &row)
                try database.cachedStatement(sql: AuditRecordRow.insert).run(row)
            }
        }
        #expect(try await installation.trail() == records)
        #expect(try await installation.store.auditRecords(matching: AuditQuery()) == records)
        #expect(try await installation.store.auditExtent().firstSequence == 4)
        let again = try await installation.reopened()
        let store = try #require(again.store as? SQLiteStore)
        #expect(try await store.pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM audit") } == 2)
        #expect(try await again.trail() == records)
    }

    @Test("an unknown archive whose records the database lacks is the only copy: it stays")
    func onlyCopy() async throws {
        let (installation, archive) = try await Self.archived()
        try await Self.write(installation) { try $0.execute(sql: "DELETE FROM audit_archives") }
        try await installation.reopened().store.close()
        #expect(FileManager.default.fileExists(atPath: archive))
    }

    @Test("a file that is in the place of an archive is never written over")
    func inTheWay() async throws {
        let installation = try await Installation.open(.sqlite)
        try await AuditTests.fill(installation)
        let directory = installation.directory.path + "/audit"
        let file = URL(fileURLWithPath: directory + "/0000000001-0000000003.jsonl.gz")
        let again = try await installation.reopened {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try Data("precious".utf8).write(to: file)
        }
        let checkpoint = try await again.checkpoint(at: 3)
        await #expect(throws: StorageError.self) {
            try await again.store.archiveAudit(upTo: 3, checkpoint: checkpoint)
        }
        #expect(try Data(contentsOf: file) == Data("precious".utf8))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).count == 1)
        #expect(try await again.verification().valid)
    }

    @Test("an archive that was cut, altered, emptied, replaced or removed is an error, never a shorter trail")
    func damaged() async throws {
        let (installation, archive) = try await Self.archived()
        let url = URL(fileURLWithPath: archive)
        let whole = try Data(contentsOf: url)
        var altered = whole
        altered[altered.count / 2] ^= 0x55
        for content in [whole.prefix(whole.count / 2), whole.dropLast(9), altered, Data(), Data("plain\n".utf8)] {
            try content.write(to: url)
            await #expect(throws: StorageError.self) { try await installation.trail() }
        }
        try FileManager.default.removeItem(at: url)
        await #expect(throws: StorageError.self) { try await installation.trail() }
        await #expect(throws: StorageError.self) {
            try await installation.store.auditRecords(matching: AuditQuery())
        }
        try whole.write(to: url)
        #expect(try await installation.verification().valid)
    }

    @Test("an archive with other lines than were written is an error")
    func rewritten() async throws {
        let (installation, archive) = try await Self.archived()
        let records = try await installation.trail()
        let checkpoint = try #require(try await installation.store.archiveCheckpoints().first)
        let lines = records.prefix(3).map { $0.jsonLine() }
        let end = AuditExport.checkpointLine(checkpoint)
        let versions: [[[UInt8]]] = [
            [lines[0], lines[2], end], [lines[0], lines[1], lines[2]], [lines[0], lines[1], lines[2], end, end],
            [lines[0], lines[1], lines[2], AuditExport.checkpointLine("another")], [Array("{}\n".utf8), lines[1], end],
            [lines[0], lines[1], lines[2], Array(end.dropLast())],
        ]
        for version in versions {
            try FileManager.default.removeItem(atPath: archive)
            do {
                var writer = try GzipWriter(path: archive)
                for line in version { try writer.write(line) }
                try writer.finish()
            }
            await #expect(throws: StorageError.self) { try await installation.trail() }
        }
    }

    @Test("a record that was altered in the database is read as it is, and found")
    func alteredRow() async throws {
        let installation = try await Installation.open(.sqlite)
        try await AuditTests.fill(installation)
        try await Self.write(installation) { try $0.execute(sql: "UPDATE audit SET client_id = 'other' WHERE seq = 2") }
        let report = try await installation.verification()
        #expect(!report.valid && report.firstBad == 2)
    }

    @Test("a record that was removed from the database is missed, and cannot be archived over")
    func removedRow() async throws {
        let installation = try await Installation.open(.sqlite)
        try await AuditTests.fill(installation)
        let checkpoint = try await installation.checkpoint(at: 3)
        try await Self.write(installation) { try $0.execute(sql: "DELETE FROM audit WHERE seq = 2") }
        let report = try await installation.verification()
        #expect(!report.valid && report.firstBad == 2)
        await #expect(throws: StorageError.cannotArchive("record 2 is missing")) {
            try await installation.store.archiveAudit(upTo: 3, checkpoint: checkpoint)
        }
    }
}
