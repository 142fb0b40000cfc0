import JOSE
import Testing

@Suite("JSON objects")
struct JSONObjectTests {
    @Test("members keep their order; a changed one stays in its place; nil removes")
    func order() {
        var object: JSONObject = ["b": 1, "a": 2, "c": 3]
        object["a"] = "x"
        object["d"] = true
        object["b"] = nil
        object["absent"] = nil
        #expect(object.members.map(\.name) == ["a", "c", "d"])
        #expect(object.text == #"{"a":"x","c":3,"d":true}"#)
        #expect(object.count == 3 && !object.isEmpty && JSONObject().isEmpty)
    }

    @Test("a member that is null is not an absent one")
    func null() {
        var object: JSONObject = ["a": nil]
        #expect(object["a"] != nil)
        #expect(object["a"] == .null)
        #expect(object["b"] == nil)
        object["b"] = .null
        #expect(object.text == #"{"a":null,"b":null}"#)
        object["a"] = nil
        #expect(object.text == #"{"b":null}"#)
    }

    @Test("a name given twice in a literal counts once, with the last value")
    func literal() {
        let object = JSONObject(dictionaryLiteral: ("a", 1), ("b", 2), ("a", 3))
        #expect(object.text == #"{"a":3,"b":2}"#)
        #expect(JSON(dictionaryLiteral: ("a", 1), ("a", 2)).text == #"{"a":2}"#)
    }

    @Test("objects are equal whatever the order of their members")
    func equality() {
        #expect(["a": 1, "b": 2] as JSONObject == ["b": 2, "a": 1])
        #expect(["a": 1, "b": 2] as JSONObject != ["a": 2, "b": 1])
        #expect(["a": 1] as JSONObject != ["a": 1, "b": 2])
        #expect(["a": 1, "b": 2] as JSONObject != ["a": 1, "c": 2])
    }

    @Test("a name is found by its bytes, not by how it looks")
    func exactNames() {
        let object: JSONObject = ["\u{212A}": 1]
        #expect("\u{212A}" == "K")
        #expect(object["K"] == nil)
        #expect(object["\u{212A}"] == 1)
        #expect(object != ["K": 1])
    }

    /// The cases of RFC 7396, appendix A, that are objects.
    @Test(
        "a merge patch does what RFC 7396 says",
        arguments: [
            (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
            (#"{"a":"b"}"#, #"{"a":null}"#, #"{}"#), (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
            (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
            (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
            (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#), (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
            (#"{}"#, #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
            (#"{"a":1,"b":2,"c":3}"#, #"{"d":4,"b":{"x":null,"y":5},"z":null}"#, #"{"a":1,"b":{"y":5},"c":3,"d":4}"#),
        ])
    func mergePatch(original: String, patch: String, result: String) throws {
        let object = try #require(try JSON(parsing: original).object)
        let change = try #require(try JSON(parsing: patch).object)
        #expect(object.merging(patch: change).text == result)
    }
}
