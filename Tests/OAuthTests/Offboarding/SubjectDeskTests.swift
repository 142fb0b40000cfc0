import JOSE
import OAuth
import Revocations
import Support
import Testing
import Vault

@Suite("The subject desk")
struct SubjectDeskTests {
    private func alice(_ kit: LegateKit) -> ReportedSubject {
        .issuerAndSubject(issuer: kit.corp.url.text, subject: "alice")
    }

    @Test("one call ends all that a user has given, durably, and nothing of another's")
    func ends() async throws {
        let kit = try await LegateKit.start()
        let hers = [try await kit.delegate(to: kit.planner), try await kit.delegate(to: kit.worker)]
        try await kit.delegate(from: "bob", to: kit.planner)
        let token = try await kit.act(by: kit.planner).accessToken
        let other = try await kit.act(for: "bob", by: kit.planner).accessToken
        #expect(try await kit.server.subjectDesk.revoke(alice(kit), by: kit.admin("revocations:write")))
        let again = try await kit.restarted()
        #expect(try await !again.isActive(token))
        #expect(try await again.isActive(other))
        for delegation in hers {
            #expect(again.server.registry.delegation(delegation.id)?.status(at: kit.clock.time) == .revoked)
        }
        let record = try #require(try await again.records { $0.target = "subject/corp|alice" }.last?.event)
        #expect(record.name == .revocationCreated)
        #expect(record.delegatingUser == "corp|alice")
    }

    @Test("a user is known also when nothing of the user's lives any more, for as long as lists show it")
    func known() async throws {
        let kit = try await LegateKit.start()
        #expect(try await !kit.server.subjectDesk.revoke(alice(kit), by: kit.admin()))
        try await kit.delegate(to: kit.planner, expiresIn: 60)
        for _ in 0..<2 {
            #expect(try await kit.server.subjectDesk.revoke(alice(kit), by: kit.admin()))
            kit.clock.advance(seconds: 3600)
            try await kit.server.prune()
        }
        kit.clock.advance(seconds: 91 * 86_400)
        try await kit.server.prune()
        #expect(try await !kit.server.subjectDesk.revoke(alice(kit), by: kit.admin()))
    }

    @Test("somebody who was never seen, of whichever issuer, is not known and leaves no tombstone")
    func unknown() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(to: kit.planner)
        for subject in [
            .issuerAndSubject(issuer: kit.corp.url.text, subject: "mallory"),
            .issuerAndSubject(issuer: "https://other.example.com", subject: "alice"),
            .issuerAndSubject(issuer: "corp", subject: "alice"),
        ] as [ReportedSubject] {
            #expect(try await !kit.server.subjectDesk.revoke(subject, by: kit.admin()))
        }
        #expect(kit.server.revocations.count == 0)
    }

    @Test("a format that names no user here is refused, and so is a caller without the scope")
    func refused() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(to: kit.planner)
        await expectRefusal(.invalidRequest) {
            try await kit.server.subjectDesk.revoke(.opaque("alice"), by: kit.admin())
        }
        await expectRefusal(.insufficientScope) {
            try await kit.server.subjectDesk.revoke(alice(kit), by: kit.admin("revocations:read"))
        }
        try await kit.update(.issuer, "corp", ["subject_claim": "email"])
        await expectRefusal(.invalidRequest) { try await kit.server.subjectDesk.revoke(alice(kit), by: kit.admin()) }
        #expect(kit.server.revocations.count == 0)
    }
}
