import JOSE
import Revocations
import Testing

@testable import OAuth

@Suite("What security events are about")
struct OutgoingEventTests {
    private func events(_ kind: Revocation.Kind, _ id: String) throws -> [OutgoingEvent] {
        guard let issuer = IssuerURL("https://auth.example.com") else { return [] }
        var snapshot = Snapshot()
        snapshot.issuers = [try Fixtures.issuer()]
        snapshot.receivers = ["a", "b"].map { name in
            EventReceiver(
                id: ReceiverID(unchecked: name), endpoint: "https://\(name).example.com", clientID: nil, audience: name,
                createdAt: Fixtures.now
            )
        }
        let registry = Registry(issuer: issuer, snapshot: snapshot)
        return OutgoingEvent.all(of: Revocation(kind, id, at: Fixtures.now), in: registry, at: Fixtures.now)
    }

    private func claims(_ event: OutgoingEvent?) throws -> JSONObject? {
        try event.flatMap { try JSON(parsing: $0.claims).object }
    }

    @Test(
        "each kind has the subject identifier that fits it best",
        arguments: [
            (.token, "jti-1", ["format": "jwt_id", "iss": "https://auth.example.com", "jti": "jti-1"]),
            (.client, "planner", ["format": "iss_sub", "iss": "https://auth.example.com", "sub": "planner"]),
            (.subject, "corp|alice", ["format": "iss_sub", "iss": "https://corp.idp.example.com", "sub": "alice"]),
            (.subject, "gone|alice", ["format": "opaque", "id": "subject/gone|alice"]),
            (.delegation, "dlg_1", ["format": "opaque", "id": "delegation/dlg_1"]),
            (.session, "planner/s", ["format": "opaque", "id": "session/planner/s"]),
            (.agent, "planner/i", ["format": "opaque", "id": "agent/planner/i"]),
            (.issuer, "corp", ["format": "opaque", "id": "issuer/corp"]),
            (.key, "kid", ["format": "opaque", "id": "key/kid"]),
        ] as [(Revocation.Kind, String, JSONObject)])
    func subjects(_ kind: Revocation.Kind, _ id: String, _ expected: JSONObject) throws {
        #expect(try claims(try events(kind, id).first)?["sub_id"]?.object == expected)
    }

    @Test("each receiver gets an event of its own, of one transaction")
    func receivers() throws {
        let told = try events(.client, "planner").compactMap { try claims($0) }
        #expect(told.map { $0["aud"]?.string } == ["a", "b"])
        #expect(Set(told.map { $0["jti"]?.string }).count == 2)
        #expect(Set(told.map { $0["txn"]?.string }).count == 1)
    }
}
