import HTTPTypes
import JOSE
import OAuth
import Support
import Testing

@Suite("On the wire: tokens bound to a key")
struct DPoPTranscriptTests {
    private let form = Form([("grant_type", "client_credentials"), ("resource", World.calendar.text)])

    @Test("from the nonce to the call")
    func bound() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let key = try TestKeys.key(.es256)
        var transcript = Transcript("dpop")
        func proof(_ jti: String, _ method: String, _ url: String, token: String? = nil, nonce: String? = nil) throws
            -> (String, String)
        {
            var proof = ProofOfPossession(
                method, url, key: key, at: kit.clock.time, accessToken: token, nonce: nonce)
            proof.claims["jti"] = .string(jti)
            return ("DPoP", try proof.compact())
        }
        let refused = transcript.add(
            "in the first minute after a start every proof needs a nonce",
            try await http.post("/token", form, as: kit.planner, headers: [try proof("1", "POST", kit.tokenURL)])
        )
        let field = try #require(HTTPField.Name("DPoP-Nonce"))
        let nonce = try #require(refused.headers[field])
        let granted = transcript.add(
            "the same with the nonce",
            try await http.post(
                "/token", form, as: kit.planner, headers: [try proof("2", "POST", kit.tokenURL, nonce: nonce)])
        )
        let token = granted.json["access_token"]?.string ?? ""
        transcript.add(
            "the same proof again",
            try await http.post(
                "/token", form, as: kit.planner, headers: [try proof("2", "POST", kit.tokenURL, nonce: nonce)])
        )
        let url = "https://calendar.example.com/api/events"
        func check(_ note: String, _ headers: [(String, String)]) async throws {
            transcript.add(
                note,
                try await http.get(
                    "/check?resource=calendar",
                    headers: headers + [
                        ("Legate-Gateway-Authorization", Form.basic(kit.gateway.id.text, kit.gateway.secret ?? "")),
                        ("X-Forwarded-Method", "POST"), ("X-Forwarded-Uri", "/api/events?day=1"),
                    ])
            )
        }
        try await check(
            "a call, as its gateway asks about it",
            [("Authorization", "DPoP \(token)"), try proof("3", "POST", url, token: token, nonce: nonce)])
        try await check("the token without a proof", [("Authorization", "DPoP \(token)")])
        try await check("the token as Bearer", [("Authorization", "Bearer \(token)")])
        try await check(
            "a proof for another call",
            [("Authorization", "DPoP \(token)"), try proof("4", "GET", url, token: token, nonce: nonce)])
        try transcript.check()
    }
}
