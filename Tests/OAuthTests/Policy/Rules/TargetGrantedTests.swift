import Testing

@testable import OAuth

@Suite("Rule: the target is granted")
struct TargetGrantedTests {
    private func objection(
        to resource: Resource, granted: [String], under delegation: Delegation? = nil
    ) throws -> Refusal? {
        let client = Fixtures.client("planner", resources: granted)
        let authorization = Fixtures.authorization(client, for: resource) { $0.delegation = delegation }
        return TargetGranted().objection(to: authorization, in: Fixtures.context(try Fixtures.registry()))
    }

    @Test("a granted resource passes")
    func passes() throws { #expect(try objection(to: Fixtures.resource("api"), granted: ["other", "api"]) == nil) }

    @Test("a resource that the client is not granted is refused", arguments: [[], ["other"], ["api2"]])
    func notGranted(granted: [String]) throws {
        let refusal = try objection(to: Fixtures.resource("api"), granted: granted)
        #expect(refusal?.code == .invalidTarget)
        #expect(refusal?.rule == "target_granted")
    }

    @Test("a disabled resource is refused")
    func disabled() throws {
        #expect(
            try objection(to: Fixtures.resource("api") { $0.enabled = false }, granted: ["api"])?.code == .invalidTarget
        )
    }

    @Test("the delegation must cover it too")
    func delegation() throws {
        let covering = try Fixtures.delegation(to: "planner", resources: ["api"])
        let elsewhere = try Fixtures.delegation(to: "planner", resources: ["other"])
        let empty = try Fixtures.delegation(to: "planner", resources: [])
        #expect(try objection(to: Fixtures.resource("api"), granted: ["api"], under: covering) == nil)
        #expect(try objection(to: Fixtures.resource("api"), granted: ["api"], under: elsewhere)?.code == .invalidTarget)
        #expect(try objection(to: Fixtures.resource("api"), granted: ["api"], under: empty)?.code == .invalidTarget)
    }
}
