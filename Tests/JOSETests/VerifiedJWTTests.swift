import JOSE
import Testing

@Suite("Claims of a verified token")
struct VerifiedJWTTests {
    @Test("a string claim is a string or absent")
    func strings() throws {
        let token = try Fixtures.verified(claims: #"{"a":"x","e":"","n":null,"i":1,"l":["x"]}"#)
        #expect(try token.string("a") == "x")
        #expect(try token.string("e") == "")
        #expect(try token.string("absent") == nil)
        for claim in ["n", "i", "l"] {
            #expect(throws: JWTError.badClaim(claim)) { try token.string(claim) }
        }
    }

    @Test(
        "a time is whole seconds up to the year 9999",
        arguments: [
            ("0", 0), ("1300819380", 1_300_819_380), ("1300819380.999", 1_300_819_380), ("0.5", 0),
            ("1e9", 1_000_000_000),
            ("253402300799", 253_402_300_799), ("253402300799.9", 253_402_300_799), ("-0", 0), ("-0.0", 0),
            ("1e-300", 0),
        ])
    func times(text: String, seconds: Int64) throws {
        #expect(try Fixtures.verified(claims: "{\"exp\":\(text)}").time("exp") == seconds)
    }

    @Test(
        "anything else is not a time",
        arguments: [
            "-1", "-0.5", "253402300800", "253402300800.0", "1e308", "-1e308", "1e18", "1e19", "9223372036854775807",
            "9223372036854775808", "18446744073709551616", "\"1300819380\"", "\"\"", "null", "true", "false", "[]",
            "[1]", "{}",
        ])
    func notTimes(text: String) throws {
        let token = try Fixtures.verified(claims: "{\"exp\":\(text)}")
        #expect(throws: JWTError.badClaim("exp")) { try token.time("exp") }
    }

    @Test("an absent time is nil")
    func absentTime() throws {
        #expect(try Fixtures.verified(claims: "{}").time("exp") == nil)
    }

    @Test(
        "an audience is one string or a list of strings",
        arguments: [
            (#"{"aud":"a"}"#, ["a"]), (#"{"aud":["a","b"]}"#, ["a", "b"]), (#"{"aud":""}"#, [""]), (#"{}"#, nil),
            (#"{"aud":[]}"#, nil), (#"{"aud":null}"#, nil), (#"{"aud":1}"#, nil), (#"{"aud":["a",1]}"#, nil),
            (#"{"aud":[null]}"#, nil), (#"{"aud":[["a"]]}"#, nil), (#"{"aud":{"a":"a"}}"#, nil),
            (#"{"aud":true}"#, nil),
        ] as [(String, [String]?)])
    func audience(claims: String, audience: [String]?) throws {
        #expect(try Fixtures.verified(claims: claims).audience == audience)
    }
}
