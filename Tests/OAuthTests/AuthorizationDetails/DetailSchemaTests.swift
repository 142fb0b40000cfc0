import JOSE
import OAuth
import Support
import Testing

@Suite("Schemas of authorization details")
struct DetailSchemaTests {
    @Test("the worked example is understood, and comes back as it was written")
    func example() throws {
        var faults: [FieldError] = []
        let types = AuthorizationDetailType.list([PaymentDetails.type], at: "types", errors: &faults)
        #expect(faults == [])
        #expect(types.map(\.name) == ["payment"])
        #expect(AuthorizationDetailType.json(types) == [PaymentDetails.type])
    }

    @Test("a type with a member that it does not have is refused, and none comes of it")
    func unknownMember() {
        var faults: [FieldError] = []
        let type: JSON = ["type": "t", "schema": ["type": "object", "properties": [:]], "schemas": true]
        #expect(AuthorizationDetailType.list([type], at: "types", errors: &faults).isEmpty)
        #expect(faults.map(\.field) == ["types[0].schemas"])
    }

    /// Where the faults are, as they would be told of `types[0]`.
    private func faults(_ type: JSON) -> [String] {
        var faults: [FieldError] = []
        _ = AuthorizationDetailType.list([type], at: "types", errors: &faults)
        return faults.map { String($0.field.dropFirst("types[0].".count)) }
    }

    private func faults(property: JSON) -> [String] {
        faults(["type": "t", "schema": ["type": "object", "properties": ["p": property]]]).map {
            String($0.dropFirst("schema.properties.".count))
        }
    }

    @Test("every keyword that is not understood is refused, by its path")
    func unknownKeywords() {
        for keyword in [
            "$ref", "$id", "$defs", "allOf", "anyOf", "oneOf", "not", "if", "format", "pattern", "multipleOf",
            "exclusiveMinimum", "default", "examples", "nullable", "X-LEGATE-NARROWS", "Type", "",
        ] {
            #expect(
                faults(property: .object(JSONObject.type("string").with(keyword, "x"))) == ["p.\(keyword)"],
                "\(keyword)")
        }
    }

    @Test("a keyword of another type is refused: it would look as if it had an effect")
    func misplacedKeywords() {
        for (keyword, type) in [
            ("minLength", "integer"), ("minimum", "string"), ("minItems", "string"), ("properties", "string"),
            ("uniqueItems", "string"), ("required", "boolean"), ("maximum", "boolean"),
        ] {
            #expect(faults(property: .object(JSONObject.type(type).with(keyword, 1))) == ["p.\(keyword)"])
        }
    }

    @Test(
        "a schema that says what cannot be is refused",
        arguments: [
            (#"{"type":"string","minLength":3,"maxLength":2}"#, "p.minLength"),
            (#"{"type":"string","minLength":-1}"#, "p.minLength"),
            (#"{"type":"string","maxLength":1e9}"#, "p.maxLength"),
            (#"{"type":"string","maxLength":2000}"#, "p.maxLength"),
            (#"{"type":"integer","minimum":2,"maximum":1}"#, "p.minimum"),
            (#"{"type":"integer","minimum":1.5}"#, "p.minimum"),
            (#"{"type":"number","maximum":9007199254740993}"#, "p.maximum"),
            (#"{"type":"number","maximum":"1"}"#, "p.maximum"),
            (#"{"type":"string","enum":[]}"#, "p.enum"), (#"{"type":"string","enum":"a"}"#, "p.enum"),
            (#"{"type":"string","enum":["a","a"]}"#, "p.enum"), (#"{"type":"string","enum":[1]}"#, "p.enum"),
            (#"{"type":"number","enum":[1,1.0]}"#, "p.enum"),
            (#"{"type":"string","const":null}"#, "p.const"),
            (#"{"type":"string","const":"a","enum":["a"]}"#, "p.const"),
            (#"{"type":"array"}"#, "p.items"), (#"{"type":"array","items":[]}"#, "p.items"),
            (#"{"type":"array","items":{"type":"string"},"uniqueItems":1}"#, "p.uniqueItems"),
            (#"{"type":"array","items":{"type":"string"},"maxItems":1000}"#, "p.maxItems"),
            (#"{"type":"array","items":{"type":"string"},"x-legate-narrows":"subset"}"#, "p.minItems"),
            (#"{"type":"array","items":{"type":"number","x-legate-narrows":"max"}}"#, "p.items.x-legate-narrows"),
            (#"{"type":"string","x-legate-narrows":"max"}"#, "p.x-legate-narrows"),
            (#"{"type":"number","x-legate-narrows":"subset"}"#, "p.x-legate-narrows"),
            (#"{"type":"number","x-legate-narrows":true}"#, "p.x-legate-narrows"),
            (#"{"type":"object","properties":{},"x-legate-narrows":"equal"}"#, "p.x-legate-narrows"),
            (#"{"type":"object"}"#, "p.properties"), (#"{"type":"object","properties":[]}"#, "p.properties"),
            (#"{"type":"object","properties":{},"additionalProperties":true}"#, "p.additionalProperties"),
            (#"{"type":"object","properties":{},"additionalProperties":{}}"#, "p.additionalProperties"),
            (#"{"type":"object","properties":{},"required":["x"]}"#, "p.required"),
            (#"{"type":"object","properties":{"x":{"type":"string"}},"required":["x","x"]}"#, "p.required"),
            (#"{"type":"object","properties":{"x":{"type":"string"}},"required":"x"}"#, "p.required"),
            (#"{"type":["string","null"]}"#, "p.type"), (#"{"type":"null"}"#, "p.type"), ("{}", "p.type"),
            ("true", "p"), ("[]", "p"), (#"{"type":"string","title":7}"#, "p.title"),
            ("{\"type\":\"string\",\"description\":\"a\\u0007\"}", "p.description"),
        ])
    func impossible(schema: String, path: String) throws {
        #expect(faults(property: try JSON(parsing: schema)) == [path])
    }

    @Test(
        "a bound that is none is told what it must be",
        arguments: [
            ("integer", "must be a whole number: at most 9007199254740991 from zero"),
            ("number", "must be a number that is exact: at most 9007199254740991 from zero"),
        ])
    func bounds(type: String, words: String) throws {
        let value: JSON = type == "integer" ? 0.5 : "1"
        let property = JSON.object(JSONObject.type(type).with("minimum", value))
        var faults: [FieldError] = []
        _ = AuthorizationDetailType.list(
            [["type": "t", "schema": ["type": "object", "properties": ["p": property]]]], at: "types", errors: &faults)
        #expect(faults.map(\.detail) == [words])
    }

    @Test("the whole of a type is an object, and leaves type and locations alone")
    func root() {
        #expect(faults(["type": "t", "schema": ["type": "array", "items": ["type": "string"]]]) == ["schema.type"])
        #expect(
            faults(["type": "t", "schema": ["type": "object", "properties": ["type": ["type": "string"]]]])
                == ["schema.properties.type"])
        #expect(
            faults(["type": "t", "schema": ["type": "object", "properties": ["locations": ["type": "string"]]]])
                == ["schema.properties.locations"])
        #expect(
            faults(["type": "t", "schema": ["type": "object", "properties": [:], "x-legate-narrows": "pin"]])
                == ["schema.x-legate-narrows"])
        #expect(faults(["type": "t"]) == ["schema"])
        #expect(faults(["type": "t", "schema": ["type": "object", "properties": [:]], "more": 1]) == ["more"])
        for name: JSON in ["", "a b", "é", 7, .string(String(repeating: "a", count: 129))] {
            #expect(faults(["type": name, "schema": ["type": "object", "properties": [:]]]) == ["type"])
        }
        let dialect = "https://json-schema.org/draft/2020-12/schema"
        let schema: JSONObject = ["$schema": .string(dialect), "type": "object", "properties": [:]]
        #expect(faults(["type": "t", "schema": .object(schema)]) == [])
        #expect(
            faults(["type": "t", "schema": .object(schema.with("$schema", "http://json-schema.org/draft-07/schema#"))])
                == ["schema.$schema"])
    }

    @Test("a hostile schema costs little: too deep, too wide and too many are refused")
    func hostile() {
        var deep: JSON = ["type": "string"]
        for _ in 0..<200 { deep = ["type": "object", "properties": ["p": deep]] }
        #expect(faults(["type": "t", "schema": deep]).count == 1)
        var wide = JSONObject()
        for number in 0..<65 { wide["p\(number)"] = ["type": "string"] }
        #expect(
            faults(["type": "t", "schema": ["type": "object", "properties": .object(wide)]]) == ["schema.properties"])
        var many = JSONObject()
        for number in 0..<64 {
            many["p\(number)"] = [
                "type": "object",
                "properties": ["a": ["type": "string"], "b": ["type": "string"], "c": ["type": "string"]],
            ]
        }
        #expect(!faults(["type": "t", "schema": ["type": "object", "properties": .object(many)]]).isEmpty)
        var mistakes = JSONObject()
        for number in 0..<60 { mistakes["p\(number)"] = ["type": "string", "a": 1, "b": 2, "c": 3] }
        #expect(faults(["type": "t", "schema": ["type": "object", "properties": .object(mistakes)]]).count == 16)
    }

    @Test("a resource registers its types, lists them, and refuses what it does not understand")
    func registration() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let metadata = kit.server.metadata.authorizationServer(resources: kit.server.registry.registeredResources)
        #expect(metadata["authorization_details_types_supported"] == ["payment"])
        let orders = try #require(kit.server.registry.resource(World.orders))
        #expect(
            kit.server.metadata.protectedResource(orders)["authorization_details_types_supported"] == ["payment"])
        await expectInvalid("authorization_details_types[0].schema.properties.iban.pattern") {
            let iban: JSON = ["type": "string", "pattern": "^(a+)+$"]
            return try await kit.update(
                .resource, "orders",
                [
                    "authorization_details_types": [
                        ["type": "t", "schema": ["type": "object", "properties": ["iban": iban]]]
                    ]
                ]
            )
        }
        await expectInvalid("authorization_details_types[1].type") {
            try await kit.update(
                .resource, "orders", ["authorization_details_types": [PaymentDetails.type, PaymentDetails.type]])
        }
        await expectInvalid("authorization_details_types") {
            try await kit.update(.resource, "orders", ["authorization_details_types": "payment"])
        }
        await expectInvalid("require_authorization_details") {
            try await kit.update(.resource, "calendar", ["require_authorization_details": true])
        }
        await expectInvalid("authorization_details_types") {
            try await kit.update(.resource, "orders", ["kind": "third-party"])
        }
        #expect(kit.server.registry.resource(World.orders) == orders)
    }

    @Test("what is registered survives a restart")
    func restart() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments(required: true)
        let delegation = try await kit.delegatePayments(upTo: 50)
        let again = try await kit.restarted()
        let registry = again.server.registry
        #expect(registry.resource(World.orders) == kit.server.registry.resource(World.orders))
        #expect(registry.resource(World.orders)?.requireAuthorizationDetails == true)
        #expect(registry.client(World.id("planner")) == kit.server.registry.client(World.id("planner")))
        #expect(registry.delegation(delegation.id)?.authorizationDetails == delegation.authorizationDetails)
    }
}

extension JSONObject {
    fileprivate static func type(_ name: String) -> JSONObject { ["type": .string(name)] }

    fileprivate func with(_ name: String, _ value: JSON) -> JSONObject {
        var object = self
        object[name] = value
        return object
    }
}
