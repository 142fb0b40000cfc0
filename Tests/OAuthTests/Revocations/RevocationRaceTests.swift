import JOSE
import OAuth
import Revocations
import Support
import Testing

/// Revoking while tokens are being issued as fast as they can be.
@Suite("Revocation, as a race")
struct RevocationRaceTests {
    @Test("a delegation revoked while a hundred exchanges run leaves no live token", .timeLimit(.minutes(1)))
    func delegation() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner)
        kit.clock.advance(.milliseconds(700))
        kit.clock.run()
        enum Outcome: Sendable { case issued(TokenResponse), refused, revoked(at: Int64) }
        let outcomes = await withTaskGroup(of: Outcome.self) { group in
            for index in 0..<100 {
                group.addTask {
                    let response = try? await kit.act(by: kit.planner, with: ["task_id": "t\(index)"])
                    return response.map(Outcome.issued) ?? .refused
                }
                if index == 50 {
                    group.addTask {
                        _ = try? await kit.server.registrar.revokeDelegation(
                            delegation.id.text, reason: nil, by: kit.admin())
                        return .revoked(at: kit.clock.time.seconds)
                    }
                }
            }
            return await group.reduce(into: [Outcome]()) { $0.append($1) }
        }
        var issued: [TokenResponse] = []
        var answer: Int64 = 0
        for outcome in outcomes {
            switch outcome {
            case .issued(let response): issued.append(response)
            case .revoked(let time): answer = time
            case .refused: break
            }
        }
        #expect(!issued.isEmpty)
        for token in issued {
            #expect(token.token.identity.issuedAt <= answer)
            #expect(try await !kit.isActive(token.accessToken))
        }
        await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner) }
        let again = try await kit.restarted()
        for token in issued { #expect(try await !again.isActive(token.accessToken)) }
    }

    @Test("a client disabled while it is served gets nothing that lives", .timeLimit(.minutes(1)))
    func client() async throws {
        let kit = try await LegateKit.start()
        kit.clock.run()
        let issued = await withTaskGroup(of: TokenResponse?.self) { group in
            for index in 0..<100 {
                group.addTask { try? await kit.token(kit.planner) }
                if index == 30 {
                    group.addTask {
                        _ = try? await kit.update(.client, "planner", ["enabled": false])
                        return nil
                    }
                }
            }
            return await group.reduce(into: [TokenResponse]()) { if let response = $1 { $0.append(response) } }
        }
        _ = try await kit.update(.client, "planner", ["enabled": true])
        let disabled = try #require(try await kit.store.revocations(after: 0, limit: 10).first)
        for token in issued where token.token.identity.issuedAt <= disabled.issuedBefore {
            #expect(try await !kit.isActive(token.accessToken))
        }
    }

    @Test("two who revoke the same delegation are both answered, and it is revoked once")
    func twice() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner)
        kit.store.hold()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    _ = try await kit.server.registrar.revokeDelegation(
                        delegation.id.text, reason: nil, by: kit.admin())
                }
                group.addTask {
                    _ = try await kit.server.revocationDesk.revoke(
                        ["kind": "subject", "id": "corp|alice"], by: kit.admin())
                }
            }
            try await kit.store.waitUntilHeld()
            try await Task.sleep(for: .milliseconds(50))
            kit.store.release()
            try await group.waitForAll()
        }
        #expect(kit.server.registry.delegation(delegation.id)?.revision == 2)
    }

    @Test("a client deleted while one of its delegations is revoked is deleted")
    func deletedMeanwhile() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner)
        kit.store.hold()
        async let revoking = kit.server.registrar.revokeDelegation(delegation.id.text, reason: nil, by: kit.admin())
        try await kit.store.waitUntilHeld()
        async let deleting: Void = kit.delete(.client, "planner")
        try await Task.sleep(for: .milliseconds(50))
        kit.store.release()
        _ = try await revoking
        try await deleting
        #expect(kit.client(kit.planner.id) == nil)
    }
}
