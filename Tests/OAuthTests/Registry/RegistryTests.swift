import Revocations
import Testing

@testable import OAuth

@Suite("The registry in memory")
struct RegistryTests {
    @Test("a workload moves with its client and goes with it")
    func workloads() throws {
        let workload = Workload(issuer: try Fixtures.issuer().name, subject: "s")
        let runner = Fixtures.client("runner") { $0.workloads = [workload] }
        let registry = try Fixtures.registry(clients: [runner])
        #expect(registry.client(for: workload)?.id == runner.id)
        var changed = runner
        changed.workloads = [Workload(issuer: workload.issuer, subject: "other")]
        registry.apply([.update(.client(changed), from: 1)])
        #expect(registry.client(for: workload) == nil)
        registry.apply([.delete(.client(changed))])
        #expect(registry.client(for: Workload(issuer: workload.issuer, subject: "other")) == nil)
        #expect(registry.client(runner.id) == nil)
    }

    @Test("a resource is found by URI and by name, and our own are there from the start")
    func resources() throws {
        let registry = try Fixtures.registry()
        #expect(registry.resource(named: "api")?.uri == Fixtures.uri("api"))
        #expect(registry.registered(.resource, Fixtures.uri("api").text)?.identifier == "api")
        #expect(registry.resource(named: "legate-admin")?.uri.text == "https://auth.example.com/admin")
        registry.apply([.delete(.resource(Fixtures.resource("api")))])
        #expect(registry.resource(named: "api") == nil)
        #expect(registry.resource(Fixtures.uri("api")) == nil)
    }

    @Test("expired delegations and names that are open again are forgotten, live ones are not")
    func prune() throws {
        let short = try Fixtures.delegation(to: "planner", lives: 10), long = try Fixtures.delegation(to: "planner")
        let later = Fixtures.now.adding(seconds: 10)
        let registry = try Fixtures.registry(
            delegations: [short, long], closed: [(.task, "planner/a", later), (.task, "planner/b", nil)]
        )
        registry.prune(at: later)
        #expect(registry.delegation(short.id) == nil)
        #expect(registry.delegation(long.id) == long)
        #expect(registry.delegations(of: short.subject, to: Fixtures.id("planner"), at: Fixtures.now) == [long])
        #expect(!registry.isClosed(.task, "planner/a", at: Fixtures.now))
        #expect(registry.isClosed(.task, "planner/b", at: later.adding(seconds: 1 << 30)))
    }

    @Test("delegations come newest first, revoked ones too, expired ones not")
    func delegations() throws {
        let old = try Fixtures.delegation(to: "planner", created: Timestamp(seconds: 10), lives: 1 << 40)
        let new = try Fixtures.delegation(to: "planner", created: Timestamp(seconds: 20), lives: 1 << 40)
        let gone = try Fixtures.delegation(to: "planner", created: Timestamp(seconds: 30), lives: 1)
        let registry = try Fixtures.registry(delegations: [old, gone, new])
        registry.apply([.revokeDelegation(new.id, at: Fixtures.now)])
        let found = registry.delegations(of: old.subject, to: Fixtures.id("planner"), at: Fixtures.now)
        #expect(found.map(\.id) == [new.id, old.id])
        #expect(found.first?.status(at: Fixtures.now) == .revoked)
        #expect(registry.liveDelegations(at: Fixtures.now) { _ in true } == [old])
    }

    @Test("rules of a client are found by client and by id until they are deleted")
    func rules() throws {
        let rule = try Fixtures.rule(for: "planner")
        let registry = try Fixtures.registry(rules: [rule])
        #expect(registry.rules(for: Fixtures.id("planner")) == [rule])
        #expect(registry.rule(rule.id) == rule)
        #expect(registry.rules(for: Fixtures.id("worker")).isEmpty)
        registry.apply([.delete(.rule(rule))])
        #expect(registry.rule(rule.id) == nil)
    }

    @Test("a name is closed for its kind until its time, and reopened by hand")
    func closed() throws {
        let registry = try Fixtures.registry()
        registry.apply([.close(.agent, id: "planner/i", until: nil)])
        #expect(registry.isClosed(.agent, "planner/i", at: Fixtures.now))
        #expect(!registry.isClosed(.task, "planner/i", at: Fixtures.now))
        registry.apply([.reopen(.agent, id: "planner/i")])
        #expect(!registry.isClosed(.agent, "planner/i", at: Fixtures.now))
    }
}
