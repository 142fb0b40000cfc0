import JOSE
import Testing

@Suite("JSON")
struct JSONTests {
    @Test("every kind of value is read")
    func values() throws {
        let json = try JSON(
            parsing: #" { "a" : [ 1 , -2.5 , true , false , null , "x" ] , "b" : { } , "" : [ ] } "# + "\r\n\t")
        #expect(json == ["a": [1, -2.5, true, false, nil, "x"], "b": .object([:]), "": .array([])])
        #expect(json.object?["a"]?.array?.first?.integer == 1)
        #expect(json.object?["a"]?.array?[2].bool == true)
        #expect(json.object?["a"]?.array?[4].isNull == true)
        #expect(json.object?["a"]?.array?[5].string == "x")
        #expect(json.string == nil && json.integer == nil && json.bool == nil && json.array == nil)
        #expect(JSON.integer(1).object == nil && !JSON.bool(false).isNull)
    }

    @Test(
        "a value may be the whole document",
        arguments: ["null", "true", "false", "0", "-1", "\"\"", "[]", "{}", "1.5", "1e2", " 7 "])
    func scalars(text: String) throws {
        _ = try JSON(parsing: text)
    }

    @Test(
        "integers that fit stay integers",
        arguments: [
            ("0", 0), ("-0", 0), ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min),
            ("1234567890", 1_234_567_890),
        ])
    func integers(text: String, value: Int64) throws {
        #expect(try JSON(parsing: text) == .integer(value))
    }

    @Test(
        "other numbers are numbers",
        arguments: [
            ("9223372036854775808", 9_223_372_036_854_775_808.0),
            ("-9223372036854775809", -9_223_372_036_854_775_808.0),
            ("1.0", 1.0), ("1e2", 100.0), ("1E+2", 100.0), ("25e-1", 2.5), ("-0.0", 0.0), ("1e-999", 0.0),
            ("18446744073709551616", 18_446_744_073_709_551_616.0), ("1.7976931348623157e308", 1.7976931348623157e308),
        ])
    func numbers(text: String, value: Double) throws {
        #expect(try JSON(parsing: text) == .number(value))
    }

    @Test(
        "what is not strict JSON is refused",
        arguments: [
            "", " ", "nul", "nulll", "True", "tru", "undefined", "NaN", "Infinity", "-Infinity", "-", "+1", "01", "-01",
            "00", "1.", ".5", "1.e1", "1e", "1e+", "0x10", "1_000", "1e999", "-1e999", "1e400", "[1,]", "[,1]", "[1 2]",
            "[", "[1", "]", "{", "}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}", "{\"a\" 1}",
            "{\"a\":1 \"b\":2}", "{1:2}", "'a'", "\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12G4\"", "\"\\u\"",
            "\"\n\"", "\"\t\"", "\"\u{0}\"", "\"\u{1F}\"", "/* c */ 1", "1 // c", "# c", "1 2", "{} {}", "[]]",
            "\u{FEFF}{}", "\u{A0}1", "\u{0C}1", "1\u{0}",
        ])
    func refused(text: String) {
        #expect(throws: JSONError.self) { try JSON(parsing: text) }
    }

    @Test(
        "a repeated member name is refused, also when it is escaped or deeper",
        arguments: [
            #"{"a":1,"a":1}"#, #"{"a":1,"\u0061":2}"#, #"[{"x":{"b":1,"c":2,"b":3}}]"#, #"{"":1,"":2}"#,
            "{\"\u{E9}\":1,\"e\u{301}\":2}",
        ])
    func repeatedName(text: String) {
        #expect(throws: JSONError.self) { try JSON(parsing: text) }
    }

    @Test("a repeated name is found in a large object too")
    func repeatedNameAmongMany() throws {
        let members = (0..<5_000).map { "\"m\($0)\":\($0)" }
        #expect(try JSON(parsing: "{" + members.joined(separator: ",") + "}").object?.count == 5_000)
        for name in ["m0", "m15", "m16", "m4999"] {
            let text = "{" + members.joined(separator: ",") + ",\"\(name)\":0}"
            #expect(throws: JSONError.self) { try JSON(parsing: text) }
        }
    }

    @Test(
        "lone surrogates are refused",
        arguments: [
            #""\ud800""#, #""\udc00""#, #""\ud800x""#, #""\ud800\n""#, #""\ud800\ud800""#, #""\ud800\u0041""#,
            #""\udc00\ud800""#, #""\udBFF\uE000""#,
        ])
    func loneSurrogate(text: String) {
        #expect(throws: JSONError.self) { try JSON(parsing: text) }
    }

    @Test("escapes stand for their characters")
    func escapes() throws {
        let text = #""\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\uDE00x""#
        #expect(try JSON(parsing: text) == "\"\\/\u{8}\u{C}\n\r\tA\u{E9}\u{20AC}\u{1F600}x")
        #expect(
            try JSON(parsing: "\"\u{E9}\u{20AC}\u{1F600}\u{10FFFF}\u{7F}\"")
                == "\u{E9}\u{20AC}\u{1F600}\u{10FFFF}\u{7F}")
        #expect(try JSON(parsing: #""\u0000""#) == "\0")
    }

    @Test(
        "bytes that are not UTF-8 are refused",
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xE2, 0x82],
            [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF0, 0x9F, 0x98], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF],
            [0xE2, 0x82, 0x28],
        ] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSON(parsing: [0x22] + bytes + [0x22]) }
        #expect(throws: JSONError.self) { try JSON(parsing: [0x22] + bytes) }
    }

    @Test("other encodings and byte order marks are refused")
    func otherEncodings() {
        let texts: [[UInt8]] = [
            [0xEF, 0xBB, 0xBF, 0x7B, 0x7D], [0xFE, 0xFF, 0x00, 0x7B, 0x00, 0x7D], [0xFF, 0xFE, 0x7B, 0x00, 0x7D, 0x00],
            [0x7B, 0x00, 0x7D, 0x00], [0x00, 0x7B, 0x00, 0x7D], [0x00, 0x00, 0x00, 0x31], [0xEF, 0xBB],
            [0xEF, 0xBB, 0xBF],
        ]
        for text in texts { #expect(throws: JSONError.self) { try JSON(parsing: text) } }
    }

    @Test("there is a limit to the depth")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSON(parsing: nested(32))
        #expect(throws: JSONError.self) { try JSON(parsing: nested(33)) }
        #expect(throws: JSONError.self) { try JSON(parsing: nested(100_000)) }
        #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "[", count: 100_000)) }
        #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "{\"a\":", count: 100_000)) }
        _ = try JSON(parsing: Array(nested(2).utf8), limits: JSONLimits(depth: 2))
        #expect(throws: JSONError.self) { try JSON(parsing: Array(nested(3).utf8), limits: JSONLimits(depth: 2)) }
        // Whatever the caller asks for, the stack is safe.
        #expect(throws: JSONError.self) {
            try JSON(parsing: Array(nested(100_000).utf8), limits: JSONLimits(depth: .max))
        }
        _ = try JSON(parsing: Array(nested(256).utf8), limits: JSONLimits(depth: .max)).text
    }

    @Test("there is a limit to the number of values")
    func count() throws {
        let limits = JSONLimits(values: 4)
        _ = try JSON(parsing: Array("[1,2,3]".utf8), limits: limits)
        #expect(throws: JSONError.self) { try JSON(parsing: Array("[1,2,3,4]".utf8), limits: limits) }
        #expect(throws: JSONError.self) { try JSON(parsing: Array(#"{"a":[1],"b":[2]}"#.utf8), limits: limits) }
        let many = "[" + String(repeating: "0,", count: 100_000) + "0]"
        #expect(throws: JSONError.self) { try JSON(parsing: many) }
    }

    @Test("an error says where and repeats nothing of the text")
    func errors() {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: #"{"secret":1,"secret":2}"#) }
        #expect(error?.offset == 12)
        #expect(error?.description == "not valid JSON: a repeated name at byte 12")
        #expect(#expect(throws: JSONError.self) { try JSON(parsing: "[1,x]") }?.offset == 3)
    }

    @Test(
        "what was read is written the same, without white space",
        arguments: [
            #"{"b":1,"a":[true,false,null,-5,"x"],"c":{"z":"","y":[]},"d":{}}"#, #""\"\\\b\f\n\r\t\u0001\u001f/""#,
            "\"\u{7F}\u{E9}\u{2028}\u{1F600}\"", "[]", "{}", "1.5", "-9223372036854775808", #"{"\"":"\n"}"#, "0.1",
        ])
    func serialized(text: String) throws {
        let json = try JSON(parsing: text)
        #expect(json.text == text)
        #expect(json.serialized == Array(text.utf8))
    }

    @Test(
        "numbers come back as they were",
        arguments: [1e300, Double.leastNonzeroMagnitude, 1e20, 1e15, 1e16, -0.1, 123456.789, 3.0])
    func numbersComeBack(value: Double) throws {
        #expect(try JSON(parsing: JSON.number(value).text) == .number(value))
    }

    @Test("a number that is not finite is written as null", arguments: [Double.nan, .infinity, -.infinity])
    func notFinite(value: Double) {
        #expect(JSON.array([.number(value), 1]).text == "[null,1]")
    }

    @Test("the form for people has one member a line")
    func pretty() throws {
        let json = try JSON(parsing: #"{"a":[1,{"b":[]}],"c":{},"d":"e"}"#)
        let text = """
            {
              "a": [
                1,
                {
                  "b": []
                }
              ],
              "c": {},
              "d": "e"
            }
            """
        #expect(json.pretty() == text)
        #expect(try JSON(parsing: text) == json)
    }
}
