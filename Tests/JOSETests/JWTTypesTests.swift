import JOSE
import Testing

@Suite("Token types")
struct JWTTypesTests {
    @Test(
        "a type is read without regard to case and the application prefix",
        arguments: [
            ("at+jwt", "at+jwt"), ("AT+JWT", "at+jwt"), ("application/at+jwt", "at+jwt"),
            ("Application/AT+jwt", "at+jwt"),
            ("JWT", "jwt"), ("application/a/b", "application/a/b"), ("text/plain", "text/plain"),
            ("application/application/jwt", "application/application/jwt"), ("application/", ""),
        ])
    func normalized(written: String, type: String) throws {
        #expect(try Fixtures.header(#"{"alg":"ES256","typ":"\#(written)"}"#).type == type)
        #expect(JWTTypes.exactly(written).allows(type))
        #expect(JWTTypes.exactly(type).allows(written))
    }

    @Test("exactly one type is allowed, and an absent one is not")
    func exactly() {
        let types = JWTTypes.exactly("at+jwt")
        #expect(types.allows("at+jwt"))
        for other in [nil, "", "jwt", "at", "at+jwt ", "dpop+jwt", "xat+jwt", "at+jwt+jwt"] as [String?] {
            #expect(!types.allows(other))
        }
    }

    @Test("any of several types is allowed, and an absent one only when said so")
    func anyOf() {
        let types = JWTTypes.anyOf(["JWT", "application/at+jwt"], orAbsent: true)
        #expect(types.allows("jwt") && types.allows("at+jwt") && types.allows(nil))
        #expect(!types.allows("dpop+jwt"))
        #expect(!JWTTypes.anyOf(["jwt"], orAbsent: false).allows(nil))
        #expect(!JWTTypes.anyOf([], orAbsent: true).allows("jwt"))
    }

    @Test("a token without typ has no type")
    func absent() throws {
        #expect(try Fixtures.header(#"{"alg":"ES256"}"#).type == nil)
    }
}
