import Support
import Testing
import Vault

@testable import OAuth

/// What versions and graces should be, in the simplest words: no transactions, no boxes, no schedule.
private struct Model {
    struct Version {
        var value: String?
        var state = SecretVersion.State.live
        var until: Timestamp?
    }

    var versions: [Int: Version] = [:]
    var current: Int?
    var latest = 0
    var pending: Int?
    var dueAt: Timestamp
    let every: Int
    let grace: Int

    mutating func supersede(at now: Timestamp) {
        if let current { versions[current]?.until = now.adding(seconds: grace) }
    }

    mutating func put(_ value: String, at now: Timestamp) {
        supersede(at: now)
        latest += 1
        versions[latest] = Version(value: value)
        current = latest
    }

    mutating func prepare(_ value: String) {
        latest += 1
        versions[latest] = Version(value: value, state: .pending)
        pending = latest
    }

    mutating func activate(at now: Timestamp) {
        guard let next = pending else { return }
        supersede(at: now)
        versions[next]?.state = .live
        let before = current
        current = next
        pending = nil
        dueAt = now.adding(seconds: every)
        for number in versions.keys where number <= latest - 10 && number != before {
            guard let version = versions[number], version.state == .live, let until = version.until, until <= now else {
                continue
            }
            versions[number] = Version(value: nil, state: .destroyed)
        }
    }

    /// Whether a pending version is still what the next rotation is about; if not, it is dropped here.
    mutating func dropLostPending() {
        guard let number = pending else { return }
        if versions[number]?.state == .pending, current ?? 0 < number { return }
        if versions[number]?.state == .pending { versions[number] = Version(value: nil, state: .destroyed) }
        pending = nil
    }

    /// What was never live is not kept for anybody who might bring it back.
    mutating func delete(_ number: Int) {
        if versions[number]?.state == .pending { return destroy(number) }
        versions[number]?.state = .deleted
        if current == number { current = nil }
    }

    mutating func destroy(_ number: Int) {
        versions[number]?.state = .destroyed
        versions[number]?.value = nil
        if current == number { current = nil }
    }

    mutating func undelete(_ number: Int, at now: Timestamp) {
        versions[number]?.state = .live
        if number == latest || current == nil {
            supersede(at: now)
            current = number
            versions[number]?.until = nil
        } else if versions[number]?.until == nil {
            versions[number]?.until = now.adding(seconds: grace)
        }
    }

    func read(_ number: Int?, at now: Timestamp) -> String? {
        guard let number = number ?? current, let version = versions[number] else { return nil }
        guard version.state == .live || version.state == .pending else { return nil }
        if let until = version.until, until <= now { return nil }
        return version.value
    }
}

@Suite("Versions and graces against a simple reference")
struct RotationModelTests {
    private let a = LegateKit.secretName("a")

    private func stored(_ number: Int, _ kit: LegateKit) async throws -> String {
        let box = try #require(try await kit.store.secretBox(of: a, version: number))
        return try kit.barrier.open(
            try SealedBox(bytes: box), at: VaultSecret.place(of: a, version: number)
        ).text
    }

    /// Takes the rotation as far as it goes, in both.
    private func rotate(_ model: inout Model, _ kit: LegateKit, agrees: Bool, hasWebhook: Bool) async throws {
        kit.courier.answer(then: agrees ? PushAnswer(status: 204) : nil)
        await kit.rotateDue()
        let now = kit.clock.time
        model.dropLostPending()
        if model.pending == nil, model.dueAt <= now { model.prepare(try await stored(model.latest + 1, kit)) }
        if model.pending != nil, agrees || !hasWebhook { model.activate(at: now) }
    }

    private func compare(_ model: Model, _ kit: LegateKit) async throws {
        let secret = try #require(kit.secret("a"))
        #expect(secret.current == model.current && secret.latest == model.latest)
        #expect(kit.plan("a")?.pending?.version == model.pending && kit.plan("a")?.dueAt == model.dueAt)
        for version in try await kit.store.secretVersions(of: a) {
            #expect(version.state == model.versions[version.number]?.state, "version \(version.number)")
        }
        for number in [nil] + (1...max(1, model.latest + 1)).map(Optional.some) {
            let expected = model.read(number, at: kit.clock.time)
            do {
                let value = try await kit.read("a", version: number, as: kit.planner)
                #expect(value == expected, "version \(number ?? 0)")
            } catch SecretRefusal.notFound {
                #expect(expected == nil, "version \(number ?? 0)")
            }
        }
    }

    @Test(
        "whatever is put, rotated, deleted, brought back, destroyed and read, at whatever times, with restarts between",
        arguments: Array(zip([1, 2, 3, 4, 5, 6] as [UInt64], [false, true, false, true, false, true])))
    func random(_ seed: UInt64, _ hasWebhook: Bool) async throws {
        var random = SeededGenerator(seed: seed)
        var kit = try await LegateKit.start()
        let (every, grace) = (1000, [0, 100, 900][Int(seed % 3)])
        try await kit.generate(
            "a", every: every, grace: grace, webhook: hasWebhook ? LegateKit.webhook : nil, readers: [kit.planner])
        var model = Model(dueAt: kit.clock.time.adding(seconds: every), every: every, grace: grace)
        if hasWebhook {
            model.dueAt = kit.clock.time
            try await rotate(&model, kit, agrees: true, hasWebhook: true)
        } else {
            await kit.rotateDue()
            model.put(try await stored(1, kit), at: kit.clock.time)
        }
        for step in 0..<120 {
            let number = Int.random(in: 1...model.latest, using: &random)
            let state = model.versions[number]?.state
            let desk = kit.server.secretDesk
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                let text = "value \(step)"
                try await desk.put(Secret(Array(text.utf8)), into: a, by: kit.keeper())
                model.put(text, at: kit.clock.time)
            case 1 where state == .live || state == .pending:
                try await desk.delete(a, version: number, by: kit.keeper())
                model.delete(number)
            case 2 where state == .deleted:
                try await desk.undelete(a, version: number, by: kit.keeper())
                model.undelete(number, at: kit.clock.time)
            case 3 where state != .destroyed && step % 3 == 0:
                try await desk.destroy(a, version: number, by: kit.keeper())
                model.destroy(number)
            case 4: kit = try await kit.restarted()
            case 5, 6, 7:
                // As far as the next thing that happens, or somewhere before.
                let next = try #require(kit.plan("a")).nextAt.milliseconds - kit.clock.time.milliseconds
                let whole = Bool.random(using: &random)
                let pause = whole ? max(0, next) : Int64.random(in: 0...300_000, using: &random)
                kit.clock.advance(.milliseconds(pause))
                if try #require(kit.plan("a")).nextAt <= kit.clock.time {
                    try await rotate(
                        &model, kit, agrees: Bool.random(using: &random), hasWebhook: hasWebhook)
                }
            case 8:
                kit.courier.answer(then: PushAnswer(status: 200))
                let isDue = model.dueAt <= kit.clock.time
                _ = try await kit.server.rotationDesk.rotateNow(a, by: kit.keeper())
                if !isDue { model.dueAt = kit.clock.time }
                model.dropLostPending()
                if model.pending != nil || model.dueAt <= kit.clock.time {
                    if model.pending == nil { model.prepare(try await stored(model.latest + 1, kit)) }
                    model.activate(at: kit.clock.time)
                }
            default: break
            }
            try await compare(model, kit)
        }
    }
}
