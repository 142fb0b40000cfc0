import JOSE
import OAuth
import Support
import Testing

@Suite("Checking and narrowing authorization details")
struct DetailNarrowingTests {
    /// The schema of one property, from JSON.
    private func schema(_ text: String) throws -> DetailSchema {
        let type: JSON = [
            "type": "t", "schema": ["type": "object", "required": ["p"], "properties": ["p": try JSON(parsing: text)]],
        ]
        var faults: [FieldError] = []
        let types = AuthorizationDetailType.list([type], at: "", errors: &faults)
        #expect(faults == [])
        return try #require(types.first).schema
    }

    private func isAccepted(_ value: String, by text: String) throws -> Bool {
        let schema = try schema(text)
        do {
            try schema.check(["p": try JSON(parsing: value)], at: "")
            return true
        } catch {
            return false
        }
    }

    @Test(
        "a value is what its schema says, and nothing that only looks like it",
        arguments: [
            (
                "integer", ["0", "-7", "9007199254740991"],
                ["1.0", "1e2", "9007199254740992", "-9007199254740993", "\"1\"", "null"]
            ),
            ("number", ["0", "1.5", "-0.0", "1e3"], ["1e300", "9007199254740993", "\"1\"", "true", "[1]", "null"]),
            (
                "string", ["\"\"", "\"é\"", "\"1\""],
                ["1", "null", "\"a\\u0000b\"", "\"a\\nb\"", "\"\\u0085\"", "[\"a\"]"]
            ),
            ("boolean", ["true", "false"], ["0", "\"true\"", "null"]),
        ])
    func types(type: String, good: [String], bad: [String]) throws {
        let text = "{\"type\":\"\(type)\"}"
        for value in good { #expect(try isAccepted(value, by: text), "\(value)") }
        for value in bad { #expect(try !isAccepted(value, by: text), "\(value)") }
    }

    @Test("bounds, lengths, choices and counts hold")
    func bounds() throws {
        let cases: [(String, [String], [String])] = [
            (#"{"type":"number","minimum":0.5,"maximum":2}"#, ["0.5", "2", "2.0"], ["0.49", "2.0000001", "-1"]),
            (#"{"type":"string","minLength":1,"maxLength":2}"#, [#""a""#, #""éé""#, #""👍🏽""#], [#""""#, #""abc""#]),
            (#"{"type":"string","enum":["a","é"]}"#, [#""a""#, "\"\u{E9}\""], [#""A""#, "\"e\u{301}\""]),
            (#"{"type":"number","enum":[1,2.5]}"#, ["1", "1.0", "2.5"], ["2"]),
            (#"{"type":"boolean","const":true}"#, ["true"], ["false"]),
            (
                #"{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":2,"uniqueItems":true}"#,
                [#"["a"]"#, #"["a","b"]"#], ["[]", #"["a","a"]"#, #"["a","b","c"]"#, #""a""#, #"[1]"#, #"{"0":"a"}"#]
            ),
            (
                #"{"type":"object","required":["a"],"properties":{"a":{"type":"string"},"b":{"type":"string"}}}"#,
                [#"{"a":"x"}"#, #"{"b":"y","a":"x"}"#],
                ["{}", #"{"a":null}"#, #"{"a":"x","c":1}"#, #"{"A":"x"}"#, "[]"]
            ),
        ]
        for (text, good, bad) in cases {
            for value in good { #expect(try isAccepted(value, by: text), "\(text) \(value)") }
            for value in bad { #expect(try !isAccepted(value, by: text), "\(text) \(value)") }
        }
    }

    private func isNarrower(_ value: String, than above: String, by text: String) throws -> Bool {
        try schema(text).widening(
            of: ["p": try JSON(parsing: value)], over: ["p": try JSON(parsing: above)], at: "") == nil
    }

    @Test("without a word about it, a value stays the same")
    func equal() throws {
        for (type, same, others) in [
            ("number", ["7", "7.0"], ["6", "8"]), ("string", [#""\u00e9""#], ["\"e\u{301}\"", #""E""#]),
            ("boolean", ["true"], ["false"]),
        ] {
            let text = "{\"type\":\"\(type)\"}"
            let value = try #require(same.first)
            for other in same { #expect(try isNarrower(other, than: value, by: text)) }
            for other in others { #expect(try !isNarrower(other, than: value, by: text)) }
        }
        let list = #"{"type":"array","items":{"type":"string"}}"#
        #expect(try isNarrower(#"["a","b"]"#, than: #"["a","b"]"#, by: list))
        for other in [#"["b","a"]"#, #"["a"]"#, "[]", #"["a","b","b"]"#] {
            #expect(try !isNarrower(other, than: #"["a","b"]"#, by: list))
        }
    }

    @Test("a ceiling only falls, a floor only rises, and neither is compared where numbers are not exact")
    func limits() throws {
        let ceiling = #"{"type":"number","x-legate-narrows":"max"}"#
        for value in ["100", "99.99", "0", "-5", "1e2"] { #expect(try isNarrower(value, than: "100", by: ceiling)) }
        for value in ["100.01", "101", "1e3", "1e300", "\"1\"", "null"] {
            #expect(try !isNarrower(value, than: "100", by: ceiling))
        }
        #expect(try !isNarrower("9007199254740993", than: "9007199254740992", by: ceiling))
        let floor = #"{"type":"integer","x-legate-narrows":"min"}"#
        #expect(try isNarrower("8", than: "7", by: floor))
        #expect(try isNarrower("7", than: "7", by: floor))
        #expect(try !isNarrower("6", than: "7", by: floor))
    }

    @Test("a subset has nothing of its own, and is not empty")
    func subset() throws {
        let text = #"{"type":"array","minItems":1,"x-legate-narrows":"subset","items":{"type":"string"}}"#
        for value in [#"["a"]"#, #"["b","a"]"#, #"["a","b"]"#] {
            #expect(try isNarrower(value, than: #"["a","b"]"#, by: text))
        }
        for value in ["[]", #"["c"]"#, #"["a","c"]"#, #"["A"]"#, #""a""#] {
            #expect(try !isNarrower(value, than: #"["a","b"]"#, by: text))
        }
        let objects = #"""
            {"type":"array","minItems":1,"x-legate-narrows":"subset","items":{"type":"object","required":["n"],
             "properties":{"id":{"type":"string"},"n":{"type":"number","x-legate-narrows":"max"}}}}
            """#
        let above = #"[{"id":"x","n":5},{"id":"y","n":9}]"#
        #expect(try isNarrower(#"[{"id":"y","n":8}]"#, than: above, by: objects))
        #expect(try !isNarrower(#"[{"id":"x","n":8}]"#, than: above, by: objects))
        #expect(try !isNarrower(#"[{"n":1}]"#, than: above, by: objects))
    }

    @Test("a pin is free until somebody sets it; any other member that is missing above is not allowed")
    func pin() throws {
        let schema = try schema(
            #"""
            {"type":"object","properties":{"to":{"type":"string","x-legate-narrows":"pin"},"other":{"type":"string"},
             "most":{"type":"number","x-legate-narrows":"max"}}}
            """#)
        func isNarrower(_ value: String, _ above: String) throws -> Bool {
            let (value, above) = (try JSON(parsing: value), try JSON(parsing: above))
            return schema.widening(of: ["p": value], over: ["p": above], at: "") == nil
        }
        #expect(try isNarrower(#"{"to":"a"}"#, "{}"))
        #expect(try isNarrower("{}", "{}"))
        #expect(try isNarrower(#"{"to":"a"}"#, #"{"to":"a"}"#))
        #expect(try !isNarrower(#"{"to":"b"}"#, #"{"to":"a"}"#))
        // Leaving out what was set would free it again.
        #expect(try !isNarrower("{}", #"{"to":"a"}"#))
        #expect(try !isNarrower("{}", #"{"most":5}"#))
        #expect(try !isNarrower(#"{"most":5}"#, "{}"))
        #expect(try !isNarrower(#"{"other":"x"}"#, "{}"))
        // What the schema does not know (any more) cannot be judged.
        #expect(try !isNarrower("{}", #"{"gone":1}"#))
        #expect(try !isNarrower(#"{"gone":1}"#, #"{"gone":1}"#))
    }

    @Test("narrower is reflexive and transitive, for random values of a random kind")
    func order() throws {
        let properties = #"""
            {"type":"object","properties":{
              "max":{"type":"integer","x-legate-narrows":"max"},"min":{"type":"integer","x-legate-narrows":"min"},
              "pin":{"type":"string","x-legate-narrows":"pin"},"same":{"type":"boolean"},
              "set":{"type":"array","minItems":1,"x-legate-narrows":"subset","items":{"type":"object",
                "properties":{"id":{"type":"string"},"n":{"type":"integer","x-legate-narrows":"max"}}}}}}
            """#
        let schema = try schema(properties)
        var generator = SeededGenerator(seed: 0x9396)
        var chains = 0
        for _ in 0..<4000 {
            let values = (0..<3).map { _ in DetailDice.value(using: &generator) }
            func narrower(_ value: Int, _ above: Int) -> Bool {
                schema.widening(of: ["p": values[value]], over: ["p": values[above]], at: "") == nil
            }
            #expect(narrower(0, 0))
            if narrower(1, 0), narrower(2, 1) {
                chains += 1
                #expect(narrower(2, 0), "\(values.map(\.text))")
            }
        }
        #expect(chains > 50, "the test saw \(chains) chains: too few to say anything")
    }
}

/// Random values of the schema above: small ones, so that chains happen.
enum DetailDice {
    static func value(using generator: inout SeededGenerator) -> JSON {
        var object = JSONObject()
        func roll(_ sides: Int64) -> Int64 { Int64.random(in: 0..<sides, using: &generator) }
        if roll(8) > 0 { object["max"] = .integer(roll(3)) }
        if roll(8) == 0 { object["min"] = .integer(roll(3)) }
        if roll(2) == 0 { object["pin"] = .string("p\(roll(2))") }
        if roll(8) == 0 { object["same"] = .bool(roll(2) == 0) }
        if roll(4) == 0 {
            object["set"] = .array(
                (0...roll(2)).map { _ in .object(["id": .string("i\(roll(2))"), "n": .integer(roll(3))]) })
        }
        return .object(object)
    }
}
