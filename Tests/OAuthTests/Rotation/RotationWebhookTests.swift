import JOSE
import Support
import Testing
import Vault

@testable import OAuth

@Suite("Announcing rotations")
struct RotationWebhookTests {
    private let a = LegateKit.secretName("a")

    private func announced(_ kit: LegateKit, _ index: Int) throws -> JSONObject {
        let token = try #require(kit.courier.pushes.dropFirst(index).first?.token)
        let part = try #require(token.split(separator: ".").dropFirst().first)
        let bytes = try #require(Base64URL.decode(String(part)))
        return try #require(try JSON(parsing: bytes).object)
    }

    @Test("a new version becomes current when the webhook has agreed; the announcement names it and holds no value")
    func agreed() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", webhook: LegateKit.webhook, readers: [kit.planner])
        #expect(kit.secret("a")?.current == nil)
        await kit.rotateDue()
        #expect(kit.secret("a")?.current == 1)
        kit.clock.advance(seconds: 3600)
        await kit.rotateDue()
        #expect(kit.secret("a")?.current == 2)
        let push = try #require(kit.courier.pushes.last)
        #expect(push.endpoint == LegateKit.webhook && push.mediaType == "application/secret-rotation+jwt")
        #expect(push.authorization == nil && !push.allowPrivate)
        let jwt = try UnverifiedJWT(push.token)
        let key = try #require(kit.server.keys.active(.es256, at: kit.clock.time))
        let verified = try jwt.verified(with: key.publicKey, types: .exactly("secret-rotation+jwt"))
        let claims = verified.claims
        #expect(claims["iss"]?.string == kit.issuer.text && claims["aud"]?.string == LegateKit.webhook)
        #expect(claims["secret"]?.string == "a" && claims["version"]?.integer == 2)
        #expect(claims["previous_version"]?.integer == 1 && claims["state"]?.string == "pending")
        let value = try await kit.read("a", as: kit.planner)
        #expect(!push.token.contains(Base64URL.encode(Array(value.utf8))) && !"\(claims)".contains(value))
    }

    @Test("the announcement is worth nothing as a token")
    func notAToken() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", webhook: LegateKit.webhook)
        await kit.rotateDue()
        let token = try #require(kit.courier.pushes.last?.token)
        #expect(try await !kit.isActive(token))
        #expect(throws: (any Error).self) { try kit.server.verifier.verify(token, at: kit.clock.time) }
    }

    @Test("a webhook that fails keeps the old version: it is told again later and later, under one name, with an alert")
    func failing() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", webhook: LegateKit.webhook, readers: [kit.planner])
        await kit.rotateDue()
        let old = try await kit.read("a", as: kit.planner)
        kit.clock.advance(seconds: 3600)
        let due = kit.clock.time
        kit.courier.answer([PushAnswer(status: 500), nil, PushAnswer(status: 301)], then: PushAnswer(status: 503))
        var pauses: [Int64] = []
        for attempt in 1...15 {
            #expect(await kit.rotateDue().count == 1)
            let plan = try #require(kit.plan("a"))
            #expect(plan.failures == attempt && plan.dueAt == due && plan.pending?.version == 2)
            pauses.append(plan.nextAt.milliseconds - kit.clock.time.milliseconds)
            #expect(try await kit.read("a", as: kit.planner) == old)
            kit.clock.advance(.milliseconds(pauses.last ?? 0))
        }
        for (index, pause) in pauses.enumerated() {
            let longest: Int64 = min(3_600_000, 1000 << Int64(index))
            #expect(pause >= longest / 2 && pause <= longest)
        }
        #expect(try await kit.count(of: .rotationFailed) == 15)
        #expect(kit.server.rotationDesk.tallies.failures == 15 && kit.server.rotationDesk.overdue == 1)
        let alert = try #require(try await kit.records().first { $0.event.name == .rotationFailed })
        #expect(alert.event.policyEvaluation?.reason == "the webhook answered 500" && alert.event.decision == .deny)
        kit.courier.answer(then: PushAnswer(status: 204))
        #expect(await kit.rotateDue().count == 1)
        #expect(kit.secret("a")?.current == 2 && kit.plan("a")?.failures == 0)
        #expect(kit.server.rotationDesk.overdue == 0)
        let names = try (1...16).map { try announced(kit, $0)["jti"]?.string }
        #expect(Set(names).count == 1 && names.first != nil)
        #expect(try announced(kit, 0)["jti"]?.string != names.first ?? nil)
    }

    @Test("the receiver reads the pending version when a rule lets it; who names no version gets the old one")
    func pending() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", webhook: LegateKit.webhook, readers: [kit.planner, kit.worker])
        await kit.rotateDue()
        let old = try await kit.read("a", as: kit.worker)
        kit.clock.advance(seconds: 3600)
        kit.courier.answer(then: nil)
        await kit.rotateDue()
        let new = try await kit.read("a", version: 2, as: kit.planner)
        #expect(new != old)
        #expect(try await kit.read("a", as: kit.worker) == old)
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("a", version: 2, as: kit.runner) }
        let again = try await kit.restarted()
        again.courier.answer(then: PushAnswer(status: 200))
        again.clock.advance(seconds: 2)
        #expect(await again.rotateDue().count == 1)
        #expect(try await again.read("a", as: again.worker) == new)
    }

    @Test(
        "a value that was put in meanwhile is not undone: the pending one is erased, and the rotation makes a later one"
    )
    func overtaken() async throws {
        let kit = try await LegateKit.start()
        try await kit.generatePending("a", readers: [kit.planner])
        try await kit.server.secretDesk.put(Secret(Array("by hand".utf8)), into: a, by: kit.keeper())
        kit.courier.answer(then: PushAnswer(status: 200))
        #expect(try await kit.read("a", as: kit.planner) == "by hand")
        kit.clock.advance(seconds: 2)
        await kit.rotateDue()
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("a", version: 2, as: kit.planner) }
        #expect(try await kit.store.secretBox(of: a, version: 2) == nil)
        #expect(try await kit.read("a", version: 3, as: kit.planner) == "by hand")
        #expect(kit.secret("a")?.current == 4)
        #expect(try await kit.count(of: .rotationAbandoned) == 1)
    }

    @Test("a pending version that was deleted is made anew and never comes back; without a policy it is erased")
    func deleted() async throws {
        let kit = try await LegateKit.start()
        try await kit.generatePending("a", readers: [kit.planner])
        try await kit.server.secretDesk.delete(a, version: 2, by: kit.keeper())
        // The webhook never accepted it.
        await #expect(throws: SecretRefusal.conflict("version 2 is destroyed, not deleted")) {
            try await kit.server.secretDesk.undelete(a, version: 2, by: kit.keeper())
        }
        #expect(kit.secret("a")?.current == 1)
        kit.clock.advance(seconds: 2)
        await kit.rotateDue()
        #expect(kit.plan("a")?.pending?.version == 3)
        _ = try await kit.server.secretDesk.update(
            a, patch: ["rotation": .null], ifRevision: nil, by: kit.keeper())
        await kit.rotateDue()
        #expect(kit.plan("a") == nil)
        let states = try await kit.store.secretVersions(of: a).map(\.state)
        #expect(states == [.live, .destroyed, .destroyed])
    }

    @Test("on demand the caller is told that the webhook does not agree, and that it is tried again")
    func onDemand() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", webhook: LegateKit.webhook)
        await kit.rotateDue()
        kit.courier.answer(then: PushAnswer(status: 418))
        let (secret, outcome) = try await kit.server.rotationDesk.rotateNow(a, by: kit.keeper())
        let next = try #require(kit.plan("a")?.nextAt)
        #expect(secret.current == 1 && outcome == .failed("the webhook answered 418", nextAt: next))
        kit.courier.answer(then: PushAnswer(status: 200))
        // Asking again does not wait for the pause.
        #expect(try await kit.server.rotationDesk.rotateNow(a, by: kit.keeper()).secret.current == 2)
    }

    @Test("a webhook that hangs holds up nobody else's rotation")
    func slow() async throws {
        let kit = try await LegateKit.start()
        for index in 0..<300 { try await kit.generate("slow/\(index)", webhook: LegateKit.webhook) }
        try await kit.generate("a")
        await kit.rotateDue()
        #expect(kit.secret("slow/299")?.current == 1 && kit.secret("a")?.current == 1)
        kit.courier.hang()
        kit.clock.advance(seconds: 3600)
        let running = Task { await kit.server.rotationDesk.scheduler.run() }
        for _ in 0..<30_000 where kit.secret("a")?.current != 2 { try await Task.sleep(for: .milliseconds(2)) }
        #expect(kit.secret("a")?.current == 2)
        running.cancel()
        await running.value
        // Being cancelled is no failure.
        #expect(try await kit.count(of: .rotationFailed) == 0)
    }
}
