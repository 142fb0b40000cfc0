import OAuth
import Testing

@Suite("Form parameters")
struct ParametersTests {
    private func parse(_ form: String) throws -> Parameters { try Parameters(form: Array(form.utf8)) }

    @Test("plus and percent escapes are decoded once")
    func decoding() throws {
        let parameters = try parse("scope=a+b%2Bc%20d&client_id=%C3%A9&reason=100%2525")
        #expect(parameters[.scope] == "a b+c d")
        #expect(parameters[.clientID] == "é")
        #expect(parameters[.reason] == "100%25")
    }

    @Test(
        "a parameter that appears twice is refused, whatever its values",
        arguments: [
            "scope=a&scope=a", "scope=a&scope=b", "scope=&scope=", "scope=a&scope=", "scope&scope",
            "client_secret=x&a=b&client_secret=x", "x=1&x=2", "%73cope=a&scope=a",
        ]
    )
    func repeated(form: String) throws {
        let error = #expect(throws: OAuthError.self) { try self.parse(form) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.description.hasPrefix("parameter appears more than once") == true)
    }

    @Test("resource and audience may repeat, in order")
    func repeatable() throws {
        let parameters = try parse("resource=b&audience=x&resource=a&resource=&audience=y")
        #expect(parameters.all(.resource) == ["b", "a"])
        #expect(parameters.all(.audience) == ["x", "y"])
    }

    @Test("an empty value counts as absent")
    func empty() throws {
        let parameters = try parse("scope=&client_id&=x&&&task_id=t")
        #expect(parameters[.scope] == nil)
        #expect(parameters[.clientID] == nil)
        #expect(parameters[.taskID] == "t")
        let error = #expect(throws: OAuthError.self) { try parameters.required(.scope) }
        #expect(error?.description == "parameter is missing or empty: scope")
    }

    @Test("names are compared byte by byte")
    func exactNames() throws {
        let parameters = try parse("Scope=a&SCOPE=b&scope%20=c")
        #expect(parameters[.scope] == nil)
    }

    @Test(
        "what is not a form is refused, never repaired",
        arguments: [
            "a=%", "a=%1", "a=%zz", "a=%0", "a=%00", "%00=a", "a=%ff", "a=%C3", "a=%ED%A0%80", "a=%C0%80",
            "a=%F8%88%80%80%80",
            "a=\u{0}",
        ]
    )
    func hostile(form: String) {
        let error = #expect(throws: OAuthError.self) { try self.parse(form) }
        #expect(error?.code == .invalidRequest)
    }

    @Test("NUL is called what it is, not another encoding", arguments: ["a=b%00c", "a%00=b", "a=\u{0}"])
    func nul(form: String) {
        let error = #expect(throws: OAuthError.self) { try self.parse(form) }
        #expect(error?.description == "the form has a NUL character (%00): no parameter may have one")
    }

    @Test("raw bytes that are not UTF-8 are refused")
    func rawBytes() {
        #expect(throws: OAuthError.self) { try Parameters(form: Array("a=".utf8) + [0xFF, 0xFE]) }
        #expect(throws: OAuthError.self) { try Parameters(form: [0xC3] + Array("=a".utf8)) }
    }

    @Test("only the first equals sign separates")
    func equals() throws {
        #expect(try parse("reason=a=b==")[.reason] == "a=b==")
    }

    @Test("a semicolon separates nothing, and brackets mean nothing")
    func noOtherSyntax() throws {
        let parameters = try parse("reason=a;scope=b&resource[]=c")
        #expect(parameters[.reason] == "a;scope=b")
        #expect(parameters[.scope] == nil)
        #expect(parameters.all(.resource) == [])
    }

    @Test("more parameters than any honest request has are refused")
    func tooMany() throws {
        func form(_ count: Int) -> String { (0..<count).map { "p\($0)=1" }.joined(separator: "&") }
        _ = try parse(form(Parameters.maximumCount))
        #expect(throws: OAuthError.self) { try self.parse(form(Parameters.maximumCount + 1)) }
        #expect(throws: OAuthError.self) {
            try self.parse((0..<200).map { _ in "resource=x" }.joined(separator: "&"))
        }
    }

    @Test("random bytes are parsed or refused, never trapped on")
    func fuzz() {
        var state: UInt64 = 7
        func random() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
        let alphabet = Array("%%%&&==+ascope0f".utf8) + [0, 0xC3, 0xA9, 0xFF]
        for _ in 0..<2000 {
            let bytes = (0..<Int(random() % 40)).map { _ in alphabet[Int(random()) % alphabet.count] }
            guard let parameters = try? Parameters(form: bytes) else { continue }
            _ = parameters[.scope]
            _ = parameters.all(.resource)
        }
    }
}
