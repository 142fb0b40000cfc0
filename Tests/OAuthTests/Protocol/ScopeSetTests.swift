import OAuth
import Testing

@Suite("Scope sets")
struct ScopeSetTests {
    private func set(_ text: String) throws -> ScopeSet { try #require(ScopeSet(text)) }

    @Test("order is kept in text and ignored in comparison")
    func order() throws {
        #expect(try set("b a b").description == "b a")
        #expect(try set("b a") == set("a b"))
        #expect(Set([try set("a b"), try set("b a")]).count == 1)
        #expect(try set("a b") != set("a"))
    }

    @Test("an empty set has nothing in it and is only a subset")
    func empty() throws {
        let some = try set("a")
        #expect(ScopeSet.empty.isEmpty)
        #expect(!ScopeSet.empty.contains("a"))
        #expect(ScopeSet.empty.isSubset(of: some))
        #expect(!some.isSubset(of: .empty))
        #expect(some.intersection(.empty).isEmpty)
        #expect(ScopeSet.empty.intersection(some).isEmpty)
        #expect(try set("").isEmpty)
        #expect(try set("   ").isEmpty)
    }

    @Test("the operations are those of sets")
    func operations() throws {
        let left = try set("a b c")
        let right = try set("c d b")
        #expect(left.intersection(right).tokens == ["b", "c"])
        #expect(left.union(right).tokens == ["a", "b", "c", "d"])
        #expect(left.subtracting(right).tokens == ["a"])
        #expect(try set("b").isSubset(of: left))
        #expect(try !set("b d").isSubset(of: left))
    }

    @Test(
        "what is not a scope token is refused (RFC 6749 section 3.3)",
        arguments: ["a\"b", "a\\b", "é", "a\u{7F}", "a\tb", "a\nb", "a\u{0}"]
    )
    func characters(text: String) { #expect(ScopeSet(text) == nil) }

    @Test("every other printable ASCII character is allowed")
    func printable() throws {
        for byte in UInt8(0x21)...0x7E where byte != 0x22 && byte != 0x5C {
            let token = "a" + String(decoding: [byte], as: UTF8.self)
            #expect(ScopeSet([token])?.tokens == [token])
        }
    }

    @Test("tokens are compared byte by byte")
    func exact() throws {
        #expect(try !set("Read").contains("read"))
        #expect(try set("read Read").tokens.count == 2)
    }

    @Test("the limits hold")
    func limits() {
        #expect(ScopeSet(Array(repeating: "a", count: ScopeSet.maximumCount + 1)) == nil)
        #expect(ScopeSet([String(repeating: "a", count: 256)]) != nil)
        #expect(ScopeSet([String(repeating: "a", count: 257)]) == nil)
        #expect(ScopeSet([""]) == nil)
        #expect(ScopeSet(["a b"]) == nil)
        #expect(ScopeSet(String(repeating: "a ", count: 10_000)) == nil)
    }
}
