import JOSE
import Revocations
import Support
import Testing
import Vault

@testable import OAuth

@Suite("Rotating secrets")
struct RotationTests {
    private let a = LegateKit.secretName("a")

    @Test("a generated secret has a value of its own from the first moment, as long as the policy says")
    func firstValue() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", readers: [kit.planner])
        try await kit.generate("b", readers: [kit.planner])
        let value = try await kit.read("a", as: kit.planner)
        #expect(Base64URL.decode(value)?.count == SecretRotation.defaultLength)
        #expect(try await kit.read("b", as: kit.planner) != value)
        #expect(await kit.rotateDue().isEmpty)
        #expect(kit.plan("a")?.dueAt == kit.clock.time.adding(seconds: 3600))
    }

    @Test("when it is due there is a new value, and the old one is readable until the grace is over")
    func grace() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", readers: [kit.planner])
        await kit.rotateDue()
        let old = try await kit.read("a", as: kit.planner)
        kit.clock.advance(seconds: 3599)
        #expect(await kit.rotateDue().isEmpty)
        kit.clock.advance(seconds: 1)
        #expect(await kit.rotateDue().count == 1)
        let new = try await kit.read("a", as: kit.planner)
        #expect(new != old)
        kit.clock.advance(seconds: 599)
        #expect(try await kit.read("a", version: 1, as: kit.planner) == old)
        #expect(try await kit.read("a", version: 2, as: kit.planner) == new)
        kit.clock.advance(seconds: 1)
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("a", version: 1, as: kit.planner) }
        #expect(try await kit.read("a", as: kit.planner) == new)
        let record = try #require(try await kit.records().last { $0.event.name == .secretRotated })
        #expect(record.event.target == "secret/a/versions/2" && record.event.apiEndpoint == "rotation schedule")
        #expect(try await kit.records().contains { "\($0)".contains(new) || "\($0)".contains(old) } == false)
    }

    @Test(
        "every 24 hours and with one hour of grace, when nobody says otherwise",
        arguments: [SecretKind.generated, .client])
    func defaults(_ kind: SecretKind) async throws {
        let kit = try await LegateKit.start()
        let planner = JSON.string(kit.planner.id.text)
        var draft: JSONObject = ["kind": .string(kind.rawValue), "rules": [["client_id": planner]]]
        if kind == .client { draft["client_id"] = planner }
        let made = try await kit.server.secretDesk.create(a, from: draft, by: kit.keeper())
        #expect(made.rotation?.every == 86_400 && made.rotation?.grace == 3600)
        // What has no value yet gets one at once.
        await kit.rotateDue()
        #expect(kit.plan("a")?.dueAt == kit.clock.time.adding(seconds: 86_400))
        let old = try await kit.read("a", version: 1, as: kit.planner)
        kit.clock.advance(seconds: 86_399)
        #expect(await kit.rotateDue().isEmpty)
        kit.clock.advance(seconds: 1)
        #expect(await kit.rotateDue().count == 1)
        kit.clock.advance(seconds: 3599)
        #expect(try await kit.read("a", version: 1, as: kit.planner) == old)
        kit.clock.advance(seconds: 1)
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("a", version: 1, as: kit.planner) }
    }

    @Test("a restart neither skips nor doubles a rotation; days of absence are one rotation")
    func restart() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", readers: [kit.planner])
        await kit.rotateDue()
        kit.clock.advance(seconds: 3 * 86_400)
        let again = try await kit.restarted()
        #expect(again.plan("a") == kit.plan("a"))
        #expect(await again.rotateDue().count == 1)
        #expect(again.secret("a")?.current == 2)
        let third = try await again.restarted()
        #expect(await third.rotateDue().isEmpty)
        #expect(third.secret("a")?.current == 2)
        #expect(third.plan("a")?.dueAt == kit.clock.time.adding(seconds: 3600))
    }

    @Test("a plan that a crash prevented is made at the next start")
    func unplanned() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a")
        let again = try await kit.restarted()
        #expect(again.plan("a") == nil)
        await again.rotateDue()
        #expect(again.plan("a") != nil)
        #expect(try await again.restarted().plan("a") == again.plan("a"))
    }

    @Test("another interval counts from the last rotation; without a policy nothing rotates")
    func policy() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a")
        await kit.rotateDue()
        let start = kit.clock.time
        kit.clock.advance(seconds: 1000)
        func patch(_ rotation: JSON) async throws {
            _ = try await kit.server.secretDesk.update(
                a, patch: ["rotation": rotation], ifRevision: nil, by: kit.keeper())
            await kit.rotateDue()
        }
        try await patch(["every": 7200])
        #expect(kit.plan("a")?.dueAt == start.adding(seconds: 7200))
        try await patch(["every": 900])
        #expect(kit.secret("a")?.current == 2)
        try await patch(.null)
        #expect(kit.plan("a") == nil)
        kit.clock.advance(seconds: 86_400)
        #expect(await kit.rotateDue().isEmpty)
        let again = try await kit.restarted()
        #expect(again.plan("a") == nil)
        await #expect(throws: SecretRefusal.self) { try await again.server.rotationDesk.rotateNow(a, by: kit.keeper()) }
    }

    @Test("on demand: at once, recorded with who asked, and the next one is due an interval later")
    func onDemand() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", readers: [kit.planner])
        kit.clock.advance(seconds: 100)
        let (secret, outcome) = try await kit.server.rotationDesk.rotateNow(a, by: kit.keeper())
        #expect(secret.current == 2 && outcome == .rotated(secret))
        #expect(kit.plan("a")?.dueAt == kit.clock.time.adding(seconds: 3600))
        let asked = try #require(try await kit.records().last { $0.event.name == .rotationRequested })
        #expect(asked.event.clientID == kit.world.admin.id.text && asked.event.target == "secret/a")
        #expect(await kit.rotateDue().isEmpty)
        #expect(kit.server.rotationDesk.tallies.rotations == 1)
    }

    @Test("who may not manage a secret cannot rotate it, and does not learn whether it exists")
    func strangers() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", readers: [kit.planner])
        let desk = kit.server.rotationDesk
        for name in [a, LegateKit.secretName("none")] {
            let reader = Operator(token: kit.vaultToken(kit.planner), context: kit.context("POST /vault/rotate"))
            await #expect(throws: SecretRefusal.notFound) { try await desk.rotateNow(name, by: reader) }
            await expectRefusal(.insufficientScope) { try await desk.rotateNow(name, by: kit.keeper("other")) }
        }
        #expect(kit.secret("a")?.current == 1)
    }

    @Test("of two who ask at once each gets an answer, and the steps of one do not disturb the other's")
    func concurrent() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", readers: [kit.planner])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let (_, outcome) = try await kit.server.rotationDesk.rotateNow(a, by: kit.keeper())
                    guard case .rotated = outcome else { throw SecretRefusal.conflict("\(outcome)") }
                }
            }
            try await group.waitForAll()
        }
        let current = try #require(kit.secret("a")?.current)
        #expect((2...9).contains(current))
        #expect(try await kit.store.secretVersions(of: a).map(\.number) == Array(1...current))
    }

    @Test("a revoked lease makes a rotation due, when the policy says so and the value is still current")
    func revokedLease() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", onRevokedLease: true, readers: [kit.planner])
        try await kit.generate("b", readers: [kit.planner])
        await kit.rotateDue()
        let desk = kit.server.secretDesk
        for name in ["a", "b"] {
            let lease = try await desk.read(
                LegateKit.secretName(name), by: kit.vaultToken(kit.planner), in: kit.context("GET")
            ).lease
            _ = try await desk.endLease(lease.id, reason: nil, by: kit.keeper())
        }
        // It is durable before anybody has begun.
        let again = try await kit.restarted()
        #expect(await again.rotateDue().count == 1)
        #expect(again.secret("a")?.current == 2 && again.secret("b")?.current == 1)
        let old = try await again.server.secretDesk.read(
            a, version: 1, by: again.vaultToken(again.planner, task: "t"), in: again.context("GET")
        ).lease
        #expect(old.version == 1)
        let task = try #require(QualifiedName("t", of: again.planner.id))
        try await again.server.taskDesk.complete(task, reason: nil, by: again.admin())
        #expect(try await again.server.leaseSweep.sweep() == 1)
        #expect(await again.rotateDue().isEmpty)
        again.clock.nextSecond()
        _ = try await again.server.secretDesk.read(
            a, by: again.vaultToken(again.planner, task: "u"), in: again.context("GET"))
        let other = try #require(QualifiedName("u", of: again.planner.id))
        try await again.server.taskDesk.complete(other, reason: nil, by: again.admin())
        #expect(try await again.server.leaseSweep.sweep() == 1)
        #expect(await again.rotateDue().count == 1)
        #expect(again.secret("a")?.current == 3)
    }

    @Test("when nothing can be recorded nothing rotates, and it is done later")
    func failClosed() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", readers: [kit.planner])
        await kit.rotateDue()
        let old = try await kit.read("a", as: kit.planner)
        kit.clock.advance(seconds: 3600)
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) {
            try await kit.server.rotationDesk.rotateNow(a, by: kit.keeper())
        }
        kit.store.fail(false)
        #expect(try await kit.read("a", as: kit.planner) == old)
        #expect(await kit.rotateDue().count == 1)
        #expect(kit.secret("a")?.current == 2)
    }

    @Test("values that nobody can read any more are erased, but for the last ten")
    func outdated() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", readers: [kit.planner])
        for _ in 0..<14 {
            kit.clock.advance(seconds: 700)
            _ = try await kit.server.rotationDesk.rotateNow(a, by: kit.keeper())
        }
        let versions = try await kit.store.secretVersions(of: a)
        #expect(versions.filter { $0.state == .destroyed }.map(\.number) == Array(1...5))
        #expect(versions.filter { $0.state == .live }.map(\.number) == Array(6...15))
        // What is still in its grace stays, however many there were.
        for _ in 0..<14 { _ = try await kit.server.rotationDesk.rotateNow(a, by: kit.keeper()) }
        #expect(try await kit.read("a", version: 16, as: kit.planner).isEmpty == false)
    }

    @Test("what does not rotate says so")
    func otherKinds() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", readers: [kit.planner])
        await #expect(throws: SecretRefusal.conflict("the secret has no rotation policy")) {
            try await kit.server.rotationDesk.rotateNow(a, by: kit.keeper())
        }
        #expect(await kit.rotateDue().isEmpty)
    }

    @Test("a secret that is removed takes its plan along; its successor begins anew")
    func removed() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a")
        await kit.rotateDue()
        try await kit.server.secretDesk.remove(a, ifRevision: nil, by: kit.keeper())
        kit.clock.advance(seconds: 3600)
        #expect(await kit.rotateDue().isEmpty)
        #expect(kit.plan("a") == nil)
        try await kit.generate("a", every: 60, grace: 0)
        await kit.rotateDue()
        kit.clock.advance(seconds: 60)
        #expect(await kit.rotateDue().count == 1)
    }
}
