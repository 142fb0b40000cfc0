import OAuth
import Revocations
import Storage
import Support
import Testing
import Vault

@Suite("A batch of entries in one transaction")
struct BatchTests {
    @Test("an entry that fails leaves nothing behind and does not disturb the others", arguments: Engine.allCases)
    func isolation(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(.create(.client(Sample.client("taken"))))
        let failures = try await installation.commit([
            Entry(changes: [.create(.client(Sample.client("first")))], audit: [Sample.issued("a")]),
            Entry(
                changes: [
                    .create(.client(Sample.client("second"))), .revoke(Sample.revocation(1)),
                    .close(.task, id: "second/t", until: nil), .spend(Sample.spend(1)),
                    .create(.client(Sample.client("taken"))), .addKey(Sample.signingKey()),
                ], audit: [Sample.issued("b")]
            ),
            Entry(changes: [.spend(Sample.spend(1))], audit: [Sample.issued("c"), Sample.issued("d")]),
            Entry(changes: [.revoke(Sample.revocation(2))]),
            Entry(changes: [.delete(.client(Sample.client("nobody")))], audit: [Sample.issued("e")]),
            Entry(audit: [Sample.issued("f")]),
            Entry(changes: [.spend(Sample.spend(1)), .revoke(Sample.revocation(3))], audit: [Sample.issued("g")]),
            Entry(changes: [.close(.task, id: "first/t", until: nil), .spend(Sample.spend(1))]),
        ])
        #expect(failures == [nil, .exists("taken"), nil, nil, .missing("nobody"), nil, .spent, .spent])
        let again = try await installation.reopened()
        let snapshot = try await again.load()
        #expect(Set(snapshot.clients.map(\.id.text)) == ["taken", "first"])
        #expect(snapshot.recentRevocations.map(\.sequence) == [1] && snapshot.lastRevocation == 1)
        #expect(snapshot.closed.isEmpty && snapshot.signingKeys.isEmpty)
        #expect(try await again.trail().map(\.event.jti) == ["a", "c", "d", "f"])
        #expect(try await again.verification().valid)
    }

    @Test("a batch without records leaves the head alone", arguments: Engine.allCases)
    func withoutRecords(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        #expect(try await installation.commit([]) == [])
        try await installation.commit(.revoke(Sample.revocation(1)))
        #expect(try await installation.store.auditHead() == nil)
    }

    @Test("when storage refuses a row, nothing of the batch is stored", arguments: Engine.allCases)
    func refused(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let tooShort = Spend(digest: [1, 2, 3], expires: Sample.later)
        await #expect(throws: (any Error).self) {
            try await installation.commit([
                Entry(changes: [.create(.client(Sample.client()))], audit: [Sample.issued("a")]),
                Entry(changes: [.spend(tooShort)]),
            ])
        }
        #expect(try await installation.load().clients.isEmpty)
        #expect(try await installation.trail().isEmpty && installation.head == .genesis)
        // The next batch finds everything as it was.
        #expect(try await installation.commit(.create(.client(Sample.client())), audit: [Sample.issued("a")]) == nil)
        #expect(try await installation.verification().valid)
    }

    @Test("a second writer that forks the trail is refused", arguments: Engine.allCases)
    func fork(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(audit: [Sample.issued("a"), Sample.issued("b")])
        await #expect(throws: (any Error).self) {
            try await installation.store.commit(
                [Entry(audit: [Sample.issued("x")])], chain: AuditChain(head: .genesis), lastIssued: nil,
                seal: { _ in [] }
            )
        }
        #expect(try await installation.trail().map(\.event.jti) == ["a", "b"])
    }

    @Test("a thousand commits at once are all there, linked and in order", arguments: Engine.allCases)
    func concurrent(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let issuer = try #require(IssuerURL("https://auth.example.com"))
        let ledger = Ledger(
            store: installation.store, registry: Registry(issuer: issuer), revocations: RevocationSet(),
            feed: RevocationFeed(
                issuer: issuer, keys: SigningKeys([]), revocations: [], lastSequence: 0, at: Sample.time),
            head: .genesis,
            auditKey: installation.auditKey, now: { Sample.time }
        )
        let failed = await withTaskGroup(of: Int.self) { group in
            for number in 0..<1000 {
                group.addTask {
                    var entry = Entry(audit: [Sample.issued("jti-\(number)")])
                    // Every tenth spends what the one before it spent.
                    if number % 10 < 2 { entry.changes = [.spend(Sample.spend(UInt8(number / 10)))] }
                    do {
                        try await ledger.commit(entry)
                        return 0
                    } catch {
                        return error as? CommitFailure == .spent ? 1 : 1000
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(failed == 100)
        let records = try await installation.trail()
        #expect(records.count == 900 && Set(records.compactMap(\.event.jti)).count == 900)
        var verifier = AuditVerifier()
        for record in records { verifier.consume(record) }
        verifier.finish(expecting: ledger.auditHead)
        #expect(verifier.report.valid)
        #expect(try await installation.store.auditHead()?.head == ledger.auditHead)
    }
}
