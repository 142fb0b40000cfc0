import JOSE
import Support
import Testing
import Vault

@testable import OAuth

@Suite("Rotating the secrets of clients")
struct ClientRotationTests {
    private func works(_ kit: LegateKit, _ secret: String) async throws -> Bool {
        do {
            try await kit.token(kit.planner.with(.basic(secret)))
            return true
        } catch let error as OAuthError where error.code == .invalidClient {
            return false
        }
    }

    @Test("a client reads its own next secret with its own token; both work until the grace is over")
    func schedule() async throws {
        let kit = try await LegateKit.start()
        try await kit.keepSecret(of: kit.planner, as: "clients/planner")
        let first = try #require(kit.planner.secret)
        #expect(await kit.rotateDue().count == 1)
        let second = try await kit.read("clients/planner", as: kit.planner)
        #expect(second.hasPrefix(ClientSecret.prefix) && second != first)
        #expect(try await works(kit, first))
        #expect(try await works(kit, second))
        kit.clock.advance(seconds: 600)
        #expect(try await !works(kit, first))
        kit.clock.advance(seconds: 3000)
        let again = try await kit.restarted()
        #expect(await again.rotateDue().count == 1)
        let third = try await again.read("clients/planner", as: again.planner)
        #expect(try await works(again, second))
        #expect(try await works(again, third))
        #expect(again.client(again.planner.id)?.secrets.count == 2)
        #expect(try await again.count(of: .clientSecretRotated) == 2)
        await #expect(throws: SecretRefusal.notFound) {
            try await again.read("clients/planner", as: again.worker)
        }
    }

    @Test("while it is announced the new secret works already, and a failing webhook shuts nobody out")
    func announced() async throws {
        let kit = try await LegateKit.start()
        try await kit.keepSecret(of: kit.planner, as: "clients/planner", webhook: LegateKit.webhook)
        let first = try #require(kit.planner.secret)
        kit.courier.answer([nil, PushAnswer(status: 500)], then: PushAnswer(status: 200))
        await kit.rotateDue()
        let second = try await kit.read("clients/planner", version: 1, as: kit.planner)
        for _ in 0..<2 {
            #expect(try await works(kit, first))
            #expect(try await works(kit, second))
            kit.clock.advance(seconds: 2)
            await kit.rotateDue()
        }
        #expect(kit.secret("clients/planner")?.current == 1)
        #expect(try await works(kit, first))
        #expect(try await works(kit, second))
        kit.clock.advance(seconds: 600)
        #expect(try await !works(kit, first))
        #expect(try await works(kit, second))
    }

    @Test("a client asks for the rotation of its own secret with its own token, and nobody else does")
    func onDemand() async throws {
        let kit = try await LegateKit.start()
        try await kit.keepSecret(of: kit.planner, as: "clients/planner")
        await kit.rotateDue()
        let name = LegateKit.secretName("clients/planner")
        let desk = kit.server.rotationDesk
        func caller(_ party: Party, delegation: Delegation? = nil) -> Operator {
            Operator(token: kit.vaultToken(party, delegation: delegation), context: kit.context("POST /vault/rotate"))
        }
        #expect(try await desk.rotateNow(name, by: caller(kit.planner)).secret.current == 2)
        await #expect(throws: SecretRefusal.notFound) { try await desk.rotateNow(name, by: caller(kit.worker)) }
        let delegation = try await kit.delegate(to: kit.planner)
        await #expect(throws: SecretRefusal.notFound) {
            try await desk.rotateNow(name, by: caller(kit.planner, delegation: delegation))
        }
        _ = try await kit.server.secretDesk.disallow(name, where: { _ in true }, by: kit.keeper())
        await #expect(throws: SecretRefusal.notFound) { try await desk.rotateNow(name, by: caller(kit.planner)) }
        #expect(kit.secret("clients/planner")?.current == 2)
    }

    @Test("a client's secret has one place, and whoever wants another hears which it is")
    func onePlace() async throws {
        let kit = try await LegateKit.start()
        try await kit.keepSecret(of: kit.planner, as: "clients/planner")
        await #expect(
            throws: SecretRefusal.conflict("client_id: the secret of planner is kept at clients/planner")
        ) {
            try await kit.keepSecret(of: kit.planner, as: "clients/other")
        }
        #expect(kit.secret("clients/other") == nil)
    }

    @Test("when a person makes a new secret, the vault has it too, and what was being announced is dropped")
    func byHand() async throws {
        let kit = try await LegateKit.start()
        try await kit.keepSecret(of: kit.planner, as: "clients/planner", webhook: LegateKit.webhook)
        kit.courier.answer(then: nil)
        await kit.rotateDue()
        let pending = try await kit.read("clients/planner", version: 1, as: kit.planner)
        let (_, secret, _) = try await kit.server.registrar.rotateSecret(
            of: kit.planner.id.text, grace: 60, by: kit.admin())
        #expect(try await kit.read("clients/planner", as: kit.planner) == secret)
        #expect(try await works(kit, secret))
        #expect(try await !works(kit, pending))
        kit.clock.advance(seconds: 2)
        #expect(await kit.rotateDue().isEmpty)
        #expect(kit.plan("clients/planner")?.pending == nil)
        #expect(try await kit.store.secretBox(of: LegateKit.secretName("clients/planner"), version: 1) == nil)
        kit.clock.advance(seconds: 3600)
        kit.courier.answer(then: PushAnswer(status: 200))
        #expect(await kit.rotateDue().count == 1)
        #expect(kit.secret("clients/planner")?.current == 3)
    }

    @Test(
        "a pending secret that a person does away with does not work any more, whatever became of its box",
        arguments: ["delete", "destroy", "remove"], [false, true])
    func withdrawn(deed: String, isDamaged: Bool) async throws {
        let kit = try await LegateKit.start()
        try await kit.keepSecret(of: kit.planner, as: "clients/planner", webhook: LegateKit.webhook)
        let first = try #require(kit.planner.secret)
        kit.courier.answer(then: nil)
        await kit.rotateDue()
        let pending = try await kit.read("clients/planner", version: 1, as: kit.planner)
        #expect(try await works(kit, pending))
        if isDamaged { try await kit.flip("secret_versions", row: "clients/planner") }
        let (desk, name) = (kit.server.secretDesk, LegateKit.secretName("clients/planner"))
        switch deed {
        case "delete": try await desk.delete(name, version: 1, by: kit.keeper())
        case "destroy": try await desk.destroy(name, version: 1, by: kit.keeper())
        default: try await desk.remove(name, ifRevision: nil, by: kit.keeper())
        }
        #expect(try await !works(kit, pending))
        let again = try await kit.restarted()
        #expect(try await !works(again, pending))
        #expect(try await works(again, first))
    }

    @Test("a pending secret whose box does not open any more ends with its rotation")
    func withdrawnDamaged() async throws {
        let kit = try await LegateKit.start()
        try await kit.keepSecret(of: kit.planner, as: "clients/planner", webhook: LegateKit.webhook)
        kit.courier.answer(then: nil)
        await kit.rotateDue()
        let pending = try await kit.read("clients/planner", version: 1, as: kit.planner)
        try await kit.flip("secret_versions", row: "clients/planner")
        let again = try await kit.restarted()
        _ = try await again.server.secretDesk.update(
            LegateKit.secretName("clients/planner"), patch: ["rotation": .null], ifRevision: nil, by: again.keeper())
        await again.rotateDue()
        #expect(try await !works(again, pending))
    }

    @Test("one client's secret is kept in one place only")
    func once() async throws {
        let kit = try await LegateKit.start()
        try await kit.keepSecret(of: kit.planner, as: "one")
        await #expect(throws: SecretRefusal.self) { try await kit.keepSecret(of: kit.planner, as: "two") }
        #expect(kit.secret("two") == nil)
        try await kit.keepSecret(of: kit.worker, as: "two")
    }

    @Test("a client that is gone, or has no secret any more, is an alert and no crash")
    func gone() async throws {
        let kit = try await LegateKit.start()
        try await kit.keepSecret(of: kit.planner, as: "a")
        await kit.rotateDue()
        try await kit.delete(.client, kit.planner.id.text)
        kit.clock.advance(seconds: 3600)
        guard case .failed(let reason, nextAt: _) = await kit.rotateDue().first else {
            Issue.record("rotated the secret of nobody")
            return
        }
        #expect(reason == "the client planner is not registered any more")
        #expect(try await kit.count(of: .rotationFailed) == 1)
    }
}
