import JOSE
import OAuth
import Support
import Testing

@Suite("Documents that anyone may ask for")
struct PublicDocumentsTests {
    private let path = "/resources/calendar/oauth-protected-resource"

    @Test("a stranger who asks again and again orders one signature a minute")
    func signedOnce() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let first = try await http.get(path).json["signed_metadata"]
        #expect(first?.string?.isEmpty == false)
        for _ in 0..<20 { #expect(try await http.get(path).json["signed_metadata"] == first) }
        kit.clock.advance(seconds: 60)
        #expect(try await http.get(path).json["signed_metadata"] != first)
    }

    @Test("a change of the resource, or of the key, shows at once")
    func changed() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let first = try await http.get(path).json
        try await kit.update(.resource, "calendar", ["scopes": ["calendar.read", "calendar.write", "calendar.share"]])
        let second = try await http.get(path).json
        #expect(second["scopes_supported"] != first["scopes_supported"])
        #expect(second["signed_metadata"] != first["signed_metadata"])
    }
}
