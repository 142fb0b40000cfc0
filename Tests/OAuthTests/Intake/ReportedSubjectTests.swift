import JOSE
import OAuth
import Testing

@Suite("Reported subjects")
struct ReportedSubjectTests {
    @Test("two formats are read")
    func formats() throws {
        #expect(
            try ReportedSubject(["format": "iss_sub", "iss": "https://idp.example.com", "sub": "alice"])
                == .issuerAndSubject(issuer: "https://idp.example.com", subject: "alice"))
        #expect(try ReportedSubject(["format": "opaque", "id": "alice"]) == .opaque("alice"))
    }

    @Test(
        "other formats are told from broken ones",
        arguments: [
            #"{"format":"email","email":"a@example.com"}"#, #"{"format":"complex","user":{}}"#,
            #"{"format":"ISS_SUB"}"#,
        ]
    )
    func unsupported(text: String) throws {
        #expect(throws: ReportedSubject.Objection.unsupportedFormat) { try ReportedSubject(JSON(parsing: text)) }
    }

    @Test(
        "a missing, an empty and a superfluous member are refused",
        arguments: [
            "null", "[]", #""alice""#, "{}", #"{"format":7}"#, #"{"format":"iss_sub","iss":"x"}"#,
            #"{"format":"iss_sub","iss":"x","sub":7}"#, #"{"format":"iss_sub","iss":"x","sub":""}"#,
            #"{"format":"iss_sub","iss":"x","sub":"y","z":1}"#, #"{"format":"opaque"}"#,
            #"{"format":"opaque","id":"x","sub":"y"}"#,
        ]
    )
    func malformed(text: String) throws {
        let json = try JSON(parsing: text)
        do {
            Issue.record("\(try ReportedSubject(json))")
        } catch {
            #expect(error != .unsupportedFormat)
        }
        #expect(throws: ReportedSubject.Objection.malformed("sub_id is missing")) { try ReportedSubject(nil) }
    }
}
