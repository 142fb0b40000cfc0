import Certificates
import Testing

@Suite("Distinguished names")
struct SubjectNameTests {
    @Test("the same name is written in several ways")
    func spellings() throws {
        let name = try #require(SubjectName("CN=billing-agent,OU=Agents,O=Example"))
        #expect(SubjectName("cn=billing-agent, OU=Agents, O=Example") == name)
        #expect(SubjectName("2.5.4.3=billing-agent,ou=Agents,o=Example") == name)
        #expect(SubjectName("CN=billing\\2Dagent,OU=Agents,O=Example") == name)
        #expect(SubjectName("CN=#0C0D62696C6C696E672D6167656E74,OU=Agents,O=Example") == name)
    }

    @Test("names that differ in a capital, the order, or a part are others")
    func different() throws {
        let name = try #require(SubjectName("CN=a,O=Example"))
        for other in ["CN=A,O=Example", "O=Example,CN=a", "CN=a", "CN=a+O=Example", "CN=a,O=Example,C=DE"] {
            let other = try #require(SubjectName(other))
            #expect(other != name)
        }
    }

    @Test("the attributes of one part have no order")
    func order() throws {
        let name = try #require(SubjectName("CN=a+UID=1,O=x"))
        #expect(SubjectName("UID=1+CN=a,O=x") == name)
    }

    @Test(
        "what is not a name of RFC 4514 is refused",
        arguments: [
            "", "CN", "CN=", "=a", "CN=a,", "CN=a,,O=b", "CN=a+", "CN=a;O=b", "CN=\"a\"", "CN=a\\", "CN=a\\zz", "XX=a",
            "CN=#zz", "CN=#0C", "CN=#", "3.1.2=a", "1=a", "1..2=a", "99999999999999999999.1=a", "CN=a<b", "CN=a+CN=a",
            "CN=\\FF",
        ])
    func notAName(_ text: String) {
        #expect(SubjectName(text) == nil)
    }

    @Test("escapes stand for themselves, and only escaped spaces count at the end")
    func escapes() throws {
        #expect(SubjectName("CN=a\\,b\\ ") == SubjectName("CN=a\\2Cb\\20"))
        #expect(SubjectName("CN=a ") == SubjectName("CN=a"))
        #expect(SubjectName("CN=a\\ ") != SubjectName("CN=a"))
    }

    @Test("a text that is too long is refused")
    func tooLong() {
        #expect(SubjectName("CN=" + String(repeating: "a", count: 1021)) != nil)
        #expect(SubjectName("CN=" + String(repeating: "a", count: 1022)) == nil)
    }
}
