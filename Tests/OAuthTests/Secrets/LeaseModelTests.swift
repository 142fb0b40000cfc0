import JOSE
import Revocations
import Support
import Testing
import Vault

@testable import OAuth

/// Which leases live, in the simplest words: each has an end, and a set of things of which one alone ends it.
private struct Model {
    struct Held {
        let id: LeaseID
        let secret: String
        let endsWith: Set<String>
        let until: Timestamp
        var isEnded = false
    }

    var leases: [Held] = []

    mutating func end(_ cause: String) {
        for index in leases.indices where leases[index].endsWith.contains(cause) { leases[index].isEnded = true }
    }

    func live(_ secret: String, at now: Timestamp) -> Set<LeaseID> {
        Set(leases.filter { $0.secret == secret && !$0.isEnded && now < $0.until }.map(\.id))
    }
}

@Suite("Leases against a simple reference")
struct LeaseModelTests {
    private static let names = ["a", "b/c"]
    private static let tasks = [nil, "t-1", "t-2"]

    private func live(_ secret: String, _ kit: LegateKit) async throws -> Set<LeaseID> {
        let leases = try await kit.server.secretDesk.leases(
            of: LegateKit.secretName(secret), after: nil, limit: 1000, by: kit.keeper()
        )
        return Set(leases.map(\.id))
    }

    @Test(
        "whatever is read, ended, revoked and swept, at whatever times, with restarts between",
        arguments: [11, 12, 13, 14, 15, 16] as [UInt64])
    func random(_ seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var kit = try await LegateKit.start()
        let lives = ["a": 90, "b/c": 600]
        for name in Self.names {
            try await kit.keep(
                name, readers: [kit.planner, kit.worker], with: ["lease_ttl": .integer(Int64(lives[name] ?? 60))])
        }
        let delegations = [try await kit.delegate(to: kit.planner), try await kit.delegate(to: kit.worker)]
        var revoked: Set<String> = []
        var model = Model()
        var seen = 0
        for step in 0..<100 {
            switch Int.random(in: 0..<14, using: &random) {
            case 0, 1, 2, 3, 4:
                let name = Self.names[Int.random(in: 0...1, using: &random)]
                let who = Int.random(in: 0...1, using: &random)
                let party = [kit.planner, kit.worker][who]
                let delegation = Bool.random(using: &random) ? delegations[who] : nil
                if let delegation, revoked.contains("delegation/\(delegation.id)") { continue }
                let task = Self.tasks[Int.random(in: 0...2, using: &random)]
                if let task, revoked.contains("task/\(party.id)/\(task)") { continue }
                let token = kit.vaultToken(party, delegation: delegation, task: task)
                let released = try await kit.server.secretDesk.read(
                    LegateKit.secretName(name), by: token, in: kit.context("GET /vault/values"))
                var causes: Set = ["lease/\(released.lease.id)", "token/\(token.identity.jti)", "client/\(party.id)"]
                if let delegation { causes.formUnion(["delegation/\(delegation.id)", "subject/corp|alice"]) }
                if let task { causes.insert("task/\(party.id)/\(task)") }
                model.leases.append(
                    .init(
                        id: released.lease.id, secret: name, endsWith: causes,
                        until: kit.clock.time.adding(seconds: lives[name] ?? 60)))
            case 5:
                guard let held = model.leases.randomElement(using: &random), !held.isEnded,
                    kit.clock.time < held.until
                else { continue }
                _ = try await kit.server.secretDesk.endLease(held.id, reason: nil, by: kit.keeper())
                model.end("lease/\(held.id)")
            case 6:
                let party = Bool.random(using: &random) ? kit.planner : kit.worker
                try await kit.end(.client, party.id.text)
                model.end("client/\(party.id)")
            case 7:
                guard let held = model.leases.randomElement(using: &random),
                    let token = held.endsWith.first(where: { $0.hasPrefix("token/") })
                else { continue }
                try await kit.end(.token, String(token.dropFirst("token/".count)))
                model.end(token)
            case 8 where step % 5 == 0:
                guard let delegation = delegations.randomElement(using: &random),
                    revoked.insert("delegation/\(delegation.id)").inserted
                else { continue }
                try await kit.revokeDelegation(delegation.id)
                model.end("delegation/\(delegation.id)")
            case 9:
                try await kit.server.leaseSweep.sweep()
            case 10: kit = try await kit.restarted()
            case 11:
                let party = Bool.random(using: &random) ? kit.planner : kit.worker
                guard let task = Self.tasks[Int.random(in: 1...2, using: &random)],
                    revoked.insert("task/\(party.id)/\(task)").inserted
                else { continue }
                try await kit.end(.task, "\(party.id)/\(task)")
                model.end("task/\(party.id)/\(task)")
            case 12 where step > 30:
                // Nobody can act for a user who is gone.
                try await kit.end(.subject, "corp|alice")
                revoked.formUnion(delegations.map { "delegation/\($0.id)" })
                model.end("subject/corp|alice")
            default: kit.clock.advance(seconds: Int.random(in: 1...70, using: &random))
            }
            for name in Self.names {
                let expected = model.live(name, at: kit.clock.time)
                seen += expected.count
                #expect(try await live(name, kit) == expected, "step \(step), \(name)")
            }
        }
        #expect(seen > 0 && model.leases.contains { $0.isEnded })
    }
}
