import JOSE
import Revocations
import Testing

@Suite("A batch of the feed")
struct RevocationBatchTests {
    private let key: SigningKey

    init() throws { key = try SigningKey.generate(.ed25519) }

    private func read(_ payload: String) throws -> RevocationBatch {
        let jws = try key.compactJWS(type: RevocationBatch.type, payload: Array(payload.utf8))
        return try RevocationBatch(
            try UnverifiedJWT(jws).verified(with: key.publicKey, types: .exactly(RevocationBatch.type)))
    }

    private func entry(_ sequence: Int64, _ kind: Revocation.Kind = .client) -> Revocation {
        Revocation(
            sequence: sequence, kind: kind, id: "id-\(sequence)", issuedBefore: 1_763_700_000, expires: 1_763_700_901,
            reason: sequence % 2 == 0 ? "left" : nil
        )
    }

    @Test("what is written is read back", arguments: [0, 1, 9])
    func roundTrip(count: Int) throws {
        let entries = Revocation.Kind.allCases.prefix(count).enumerated().map { entry(Int64($0 + 4), $1) }
        let batch = RevocationBatch(
            issuer: "https://legate.example", issuedAt: 1_763_700_000, after: 3, next: Int64(3 + count),
            previous: count == 0 ? nil : "abc", entries: entries
        )
        #expect(try read(String(decoding: batch.payload, as: UTF8.self)) == batch)
    }

    @Test(
        "what is not a batch is refused",
        arguments: [
            #"{}"#,
            #"{"iss":"a","iat":1,"after":1,"next":0,"entries":[]}"#,
            #"{"iss":"a","iat":1,"after":-1,"next":0,"entries":[]}"#,
            #"{"iss":"a","iat":1,"after":0,"next":0}"#,
            #"{"iss":"a","iat":1,"after":0,"next":0,"entries":{}}"#,
            #"{"iss":"a","after":0,"next":0,"entries":[]}"#,
            #"{"iat":1,"after":0,"next":0,"entries":[]}"#,
            #"{"iss":"a","iat":1,"after":0,"next":1,"entries":[{"seq":1}]}"#,
            #"{"iss":"a","iat":1,"after":0,"next":1,"entries":[{"seq":1,"kind":"what","id":"x","issued_before":"2026-01-01T00:00:00Z","expires":"2026-01-01T00:00:00Z"}]}"#,
            #"{"iss":"a","iat":1,"after":0,"next":1,"entries":[{"seq":2,"kind":"client","id":"x","issued_before":"2026-01-01T00:00:00Z","expires":"2026-01-01T00:00:00Z"}]}"#,
            #"{"iss":"a","iat":1,"after":1,"next":2,"entries":[{"seq":1,"kind":"client","id":"x","issued_before":"2026-01-01T00:00:00Z","expires":"2026-01-01T00:00:00Z"}]}"#,
            #"{"iss":"a","iat":1,"after":0,"next":1,"entries":[{"seq":1,"kind":"client","id":"x","issued_before":"2026-01-01","expires":"2026-01-01T00:00:00Z"}]}"#,
        ]
    )
    func refused(payload: String) { #expect(throws: JWTError.self) { try read(payload) } }

    @Test("entries out of order are refused")
    func order() throws {
        let batch = RevocationBatch(
            issuer: "a", issuedAt: 1, after: 0, next: 2, entries: [entry(2), entry(1)]
        )
        #expect(throws: JWTError.self) { try read(String(decoding: batch.payload, as: UTF8.self)) }
    }
}
