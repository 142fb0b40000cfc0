import Testing

@testable import Server

@Suite("Names in header fields")
struct VisibleTextTests {
    @Test("a plain name stays as it is", arguments: ["corp|alice", "a/b:c@d", "~!#$&'()*+,;=", ""])
    func plain(name: String) {
        #expect(VisibleText.field(name) == name)
    }

    @Test("anything else is escaped, the percent sign too, so that no two names look the same")
    func escaped() {
        #expect(VisibleText.field("a b") == "a%20b")
        #expect(VisibleText.field("100%") == "100%25")
        #expect(VisibleText.field("é\r\nX: y") == "%C3%A9%0D%0AX:%20y")
    }
}
