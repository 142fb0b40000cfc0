import JOSE
import OAuth
import Storage
import Support
import Testing
import Vault

@Suite("Archives of the audit trail")
struct ArchiveTests {
    @Test("archived records are read before the others, and the chain goes on", arguments: Engine.allCases)
    func archive(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await AuditTests.fill(installation)
        let before = try await installation.trail()
        let checkpoint = try await installation.checkpoint(at: 3)
        try await installation.store.archiveAudit(upTo: 3, checkpoint: checkpoint)
        #expect(try await installation.trail() == before)
        #expect(try await installation.trail(from: 2) == Array(before.dropFirst()))
        let extent = try await installation.store.auditExtent()
        #expect(extent.firstSequence == 4 && extent.lastSequence == 5)
        #expect(try await installation.store.archiveCheckpoints() == [checkpoint])

        try await installation.store.archiveAudit(upTo: 4, checkpoint: try await installation.checkpoint(at: 4))
        try await installation.commit(audit: [Sample.issued("new")])
        let again = try await installation.reopened()
        #expect(try await again.trail().dropLast() == before[...])
        #expect(try await again.store.archiveCheckpoints().count == 2)
        #expect(try await again.verification().valid)
        #expect(try await again.verification().records == 6)
    }

    @Test("queries find the same, however much is archived", arguments: Engine.allCases, [1, 3, 4, 5] as [Int64])
    func queries(_ engine: Engine, _ sequence: Int64) async throws {
        let installation = try await Installation.open(engine)
        try await AuditTests.fill(installation)
        if sequence > 1 {
            try await installation.store.archiveAudit(upTo: 1, checkpoint: try await installation.checkpoint(at: 1))
        }
        try await installation.store.archiveAudit(
            upTo: sequence, checkpoint: try await installation.checkpoint(at: sequence)
        )
        for (name, wanted, narrow) in AuditTests.cases {
            var query = AuditQuery()
            narrow(&query)
            let found = try await installation.store.auditRecords(matching: query).map(\.sequence)
            #expect(found == wanted, "\(name)")
        }
    }

    @Test("when everything is archived, the trail goes on from its end", arguments: Engine.allCases)
    func everything(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await AuditTests.fill(installation)
        try await installation.store.archiveAudit(upTo: 5, checkpoint: try await installation.checkpoint(at: 5))
        #expect(try await installation.store.auditExtent().firstSequence == 0)
        let again = try await installation.reopened()
        #expect(again.head.sequence == 5)
        try await again.commit(audit: [Sample.issued("new")])
        #expect(try await again.verification().valid)
    }

    @Test("archiving again what is archived does nothing", arguments: Engine.allCases)
    func twice(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await AuditTests.fill(installation)
        let checkpoint = try await installation.checkpoint(at: 3)
        try await installation.store.archiveAudit(upTo: 3, checkpoint: checkpoint)
        try await installation.store.archiveAudit(upTo: 3, checkpoint: checkpoint)
        #expect(try await installation.store.archiveCheckpoints().count == 1)
        #expect(try await installation.verification().valid)
    }

    @Test("records that are not there, or that the checkpoint is not of, are not archived", arguments: Engine.allCases)
    func refused(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await AuditTests.fill(installation)
        let checkpoint = try await installation.checkpoint(at: 3)
        for (sequence, checkpoint) in [(Int64(2), checkpoint), (9, checkpoint), (3, "not.a.jws")] {
            await #expect(throws: StorageError.self) {
                try await installation.store.archiveAudit(upTo: sequence, checkpoint: checkpoint)
            }
        }
        #expect(try await installation.store.archiveCheckpoints().isEmpty)
        #expect(try await installation.verification().valid)
        // None of them is in the way of a right one.
        try await installation.store.archiveAudit(upTo: 3, checkpoint: checkpoint)
    }

    @Test("large segments are written and read in pieces", arguments: Engine.allCases)
    func large(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        for round in 0..<3 {
            _ = try await installation.commit((0..<500).map { Entry(audit: [Sample.issued("jti-\(round)-\($0)")]) })
        }
        try await installation.store.archiveAudit(upTo: 1400, checkpoint: try await installation.checkpoint(at: 1400))
        #expect(try await installation.store.auditExtent().firstSequence == 1401)
        #expect(try await installation.trail().map(\.sequence) == Array(1...1500))
        #expect(try await installation.verification().valid)
        var query = AuditQuery(limit: 3)
        query.jti = "jti-1-7"
        #expect(try await installation.store.auditRecords(matching: query).map(\.sequence) == [508])
    }

    @Test("commits go on while an archive is made and read", arguments: Engine.allCases)
    func beside(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        _ = try await installation.commit((0..<2000).map { Entry(audit: [Sample.issued("jti-\($0)")]) })
        let checkpoint = try await installation.checkpoint(at: 1900)
        async let archived: Void = installation.store.archiveAudit(upTo: 1900, checkpoint: checkpoint)
        async let streamed = installation.trail()
        for number in 0..<50 { try await installation.commit(audit: [Sample.issued("new-\(number)")]) }
        try await archived
        let sequences = try await streamed.map(\.sequence)
        #expect(sequences == Array(1...Int64(sequences.count)) && sequences.count >= 2000)
        #expect(try await installation.verification().records == 2050)
    }
}
