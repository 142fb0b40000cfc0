import Support
import Testing

@testable import OAuth

@Suite("Rule: scopes only shrink")
struct ScopeAttenuationTests {
    private func grant(
        client: String, resource: String, ceilings: [String] = [], requesting: String? = nil
    ) -> Result<ScopeSet, Refusal> {
        let authorization = Fixtures.authorization(
            Fixtures.client("planner", scopes: client), for: Fixtures.resource("api", scopes: resource),
            requesting: requesting
        ) {
            $0.scopeCeilings = ceilings.map { ScopeCeiling(origin: "the parent", scopes: Fixtures.scopes($0)) }
        }
        return ScopeAttenuation().grant(to: authorization)
    }

    private func granted(_ result: Result<ScopeSet, Refusal>) -> String? { try? result.get().description }

    @Test("asking for nothing gives what everybody allows")
    func intersection() {
        #expect(granted(grant(client: "a b c", resource: "c b d")) == "b c")
        #expect(granted(grant(client: "a b c", resource: "c b d", ceilings: ["b x"])) == "b")
    }

    @Test("asking for exactly what is allowed gives it in the order asked")
    func exact() { #expect(granted(grant(client: "a b c", resource: "a b c", requesting: "c a")) == "c a") }

    @Test("asking for more is refused, never narrowed", arguments: ["a d", "d", "a b c d"])
    func more(requested: String) throws {
        guard case .failure(let refusal) = grant(client: "a b c", resource: "a b c d", requesting: requested) else {
            Issue.record("granted")
            return
        }
        #expect(refusal.code == .invalidScope)
        #expect(refusal.reason == "the client does not have: d")
    }

    @Test("each ceiling refuses on its own, by its name")
    func ceilings() throws {
        guard case .failure(let resource) = grant(client: "a b", resource: "a", requesting: "b"),
            case .failure(let parent) = grant(client: "a b", resource: "a b", ceilings: ["a"], requesting: "b")
        else {
            Issue.record("granted")
            return
        }
        #expect(resource.reason == "the resource does not have: b")
        #expect(parent.reason == "the parent does not have: b")
    }

    @Test("empty means nothing: an empty ceiling gives nothing at all")
    func empty() {
        #expect(granted(grant(client: "", resource: "a")) == nil)
        #expect(granted(grant(client: "a", resource: "")) == nil)
        #expect(granted(grant(client: "a", resource: "a", ceilings: [""])) == nil)
        #expect(granted(grant(client: "a", resource: "a", ceilings: [""], requesting: "a")) == nil)
        #expect(granted(grant(client: "a", resource: "b")) == nil)
    }

    @Test("whatever is asked of whatever ceilings, the result is in each of them", arguments: 0..<20 as Range<UInt64>)
    func property(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let all = ["a", "b", "c", "d", "e"]
        func pick() -> String { all.filter { _ in Bool.random(using: &random) }.joined(separator: " ") }
        for _ in 0..<50 {
            let client = pick(), resource = pick(), parent = pick()
            let requested = Bool.random(using: &random) ? pick() : nil
            if requested?.isEmpty == true { continue }
            let result = grant(client: client, resource: resource, ceilings: [parent], requesting: requested)
            guard let scopes = try? result.get() else { continue }
            #expect(!scopes.isEmpty)
            for ceiling in [client, resource, parent, requested].compactMap({ $0 }) {
                #expect(scopes.isSubset(of: Fixtures.scopes(ceiling)))
            }
            if let requested { #expect(scopes == Fixtures.scopes(requested)) }
        }
    }
}
