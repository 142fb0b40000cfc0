import JOSE
import Testing

@Suite("JSON writer")
struct JSONWriterTests {
    @Test("commas go between members and elements, and nowhere else")
    func commas() {
        var writer = JSONWriter(capacity: 16)
        writer.beginObject()
        writer.member("a", "b")
        writer.member("n", Int64.min)
        writer.member("t", true)
        writer.member("l", ["x", "y"])
        writer.member("e", [])
        writer.member("j", json: ["k": [1, nil]])
        writer.name("o")
        writer.beginObject()
        writer.endObject()
        writer.name("r")
        writer.beginArray()
        writer.value("s")
        writer.beginObject()
        writer.member("f", false)
        writer.endObject()
        writer.value(7)
        writer.value(true)
        writer.value(json: .null)
        writer.endArray()
        writer.member("z", "")
        writer.endObject()
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == #"{"a":"b","n":-9223372036854775808,"t":true,"l":["x","y"],"e":[],"j":{"k":[1,null]},"o":{},"#
                + #""r":["s",{"f":false},7,true,null],"z":""}"#)
    }

    @Test("every character of a name and a value survives")
    func escapes() throws {
        let scalars = (0..<0x300).compactMap(Unicode.Scalar.init)
        var all = String(String.UnicodeScalarView(scalars))
        all += "\u{2028}\u{FFFF}\u{10FFFF}"
        var writer = JSONWriter(capacity: 0)
        writer.beginObject()
        writer.member(all, all)
        writer.endObject()
        let object = try #require(try JSON(parsing: writer.bytes).object)
        #expect(object.members.first.map { Array($0.name.utf8) } == Array(all.utf8))
        #expect(object[all]?.string.map { Array($0.utf8) } == Array(all.utf8))
    }

    @Test("each character that needs an escape has one wherever it stands")
    func positions() throws {
        for scalar in (0..<0x20).compactMap(Unicode.Scalar.init) + ["\"", "\\"] {
            for length in [0, 1, 5, 6, 7, 8, 9, 14, 15, 16, 40] {
                for place in 0...length {
                    var text = String(repeating: "a", count: place)
                    text.unicodeScalars.append(scalar)
                    text += String(repeating: "b", count: length - place)
                    #expect(try JSON(parsing: JSON.string(text).serialized) == .string(text))
                }
            }
        }
    }

    @Test(
        "a whole number is written as it is read",
        arguments: [.min, .min + 1, -1_000, -10, -9, -1, 0, 1, 9, 10, 99, 100, 1_732_000_000, .max - 1, .max] as [Int64]
    )
    func integers(_ number: Int64) {
        var writer = JSONWriter(capacity: 0)
        writer.value(number)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "\(number)")
    }
}
