import JOSE
import Testing
import Vault

@Suite("Audit checkpoints")
struct AuditCheckpointTests {
    private let issuer = "https://legate.example"

    @Test("a checkpoint says where the trail ended, when, and who signed", arguments: SignatureAlgorithm.legate)
    func roundTrip(algorithm: SignatureAlgorithm) throws {
        let key = try SigningKey.generate(algorithm)
        let (_, head) = trail(3)
        let compact = try AuditCheckpoint.make(head: head, issuer: issuer, now: 1_772_357_400_250, key: key, records: 3)
        let keys = JWKSet(keys: [key.publicKey])
        let checkpoint = try AuditCheckpoint(verifying: compact, keys: keys, issuer: issuer)
        #expect(checkpoint.head == head)
        #expect(checkpoint.issuer == issuer)
        #expect(checkpoint.issuedAt == 1_772_357_400)
        #expect(checkpoint.records == 3)
        #expect(try AuditCheckpoint(verifying: compact, keys: keys, issuer: nil) == checkpoint)
        #expect(try AuditCheckpoint(unverified: compact) == checkpoint)
        #expect(try UnverifiedJWT(compact).header.type == "audit-checkpoint+jwt")
    }

    @Test("the number of records may be left out")
    func withoutRecords() throws {
        let key = try SigningKey.generate(.es256)
        let compact = try AuditCheckpoint.make(head: .genesis, issuer: issuer, now: 0, key: key)
        let checkpoint = try AuditCheckpoint(verifying: compact, keys: JWKSet(keys: [key.publicKey]), issuer: issuer)
        #expect(checkpoint.records == nil)
        #expect(checkpoint.head == .genesis)
    }

    @Test("a checkpoint of another key or another issuer is refused")
    func stranger() throws {
        let key = try SigningKey.generate(.es256)
        let stranger = try SigningKey.generate(.es256)
        let compact = try AuditCheckpoint.make(head: .genesis, issuer: issuer, now: 0, key: stranger)
        #expect(throws: JWTError.self) {
            try AuditCheckpoint(verifying: compact, keys: JWKSet(keys: [key.publicKey]), issuer: issuer)
        }
        #expect(throws: VaultError.self) {
            try AuditCheckpoint(
                verifying: compact, keys: JWKSet(keys: [stranger.publicKey]), issuer: "https://legate.example.org")
        }
    }

    @Test("a token of another type is no checkpoint, though the same key signed it")
    func type() throws {
        let key = try SigningKey.generate(.es256)
        let keys = JWKSet(keys: [key.publicKey])
        let compact = try AuditCheckpoint.make(head: .genesis, issuer: issuer, now: 0, key: key)
        let payload = try #require(Base64URL.decode(String(compact.split(separator: ".")[1])))
        #expect(throws: Never.self) {
            try AuditCheckpoint(
                verifying: key.compactJWS(type: AuditCheckpoint.type, payload: payload), keys: keys, issuer: issuer)
        }
        for type in ["at+jwt", "JWT", "revocations+jwt"] {
            let other = try key.compactJWS(type: type, payload: payload)
            #expect(throws: JWTError.self) { try AuditCheckpoint(verifying: other, keys: keys, issuer: issuer) }
        }
    }

    @Test("a checkpoint with a changed payload is refused")
    func changed() throws {
        let key = try SigningKey.generate(.es256)
        let compact = try AuditCheckpoint.make(head: .genesis, issuer: issuer, now: 0, key: key)
        let other = try AuditCheckpoint.make(head: trail(1).head, issuer: issuer, now: 0, key: key)
        var parts = compact.split(separator: ".")
        parts[1] = other.split(separator: ".")[1]
        #expect(throws: JWTError.self) {
            try AuditCheckpoint(
                verifying: parts.joined(separator: "."), keys: JWKSet(keys: [key.publicKey]), issuer: issuer)
        }
    }

    @Test(
        "a signed payload that is not a checkpoint's is refused",
        arguments: [
            #"{}"#,
            #"{"iss":1,"iat":1,"seq":1,"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
            #"{"iss":"https://legate.example","seq":1,"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
            #"{"iss":"https://legate.example","iat":1,"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
            #"{"iss":"https://legate.example","iat":1,"seq":-1,"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
            #"{"iss":"https://legate.example","iat":1,"seq":"1","hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
            #"{"iss":"https://legate.example","iat":1,"seq":1.5,"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
            #"{"iss":"https://legate.example","iat":1,"seq":1,"hash":"AAAA"}"#,
            #"{"iss":"https://legate.example","iat":1,"seq":1}"#,
            #"{"iss":"i","iat":1,"seq":1,"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","records":-1}"#,
            #"{"iss":"i","iat":1,"seq":1,"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","records":null}"#,
        ])
    func malformed(payload: String) throws {
        let key = try SigningKey.generate(.es256)
        let compact = try key.compactJWS(type: AuditCheckpoint.type, payload: Array(payload.utf8))
        #expect(throws: VaultError.self) {
            try AuditCheckpoint(verifying: compact, keys: JWKSet(keys: [key.publicKey]), issuer: nil)
        }
        #expect(throws: VaultError.self) { try AuditCheckpoint(unverified: compact) }
    }

    @Test("a verifier takes a checkpoint before, at and not after the record it speaks of")
    func verifierOrder() throws {
        let key = try SigningKey.generate(.es256)
        let (records, _) = trail(4)
        let middle = AuditHead(sequence: 2, hash: records[1].hash)
        let compact = try AuditCheckpoint.make(head: middle, issuer: issuer, now: 0, key: key)
        let checkpoint = try AuditCheckpoint(unverified: compact)
        for moment in 0...2 {
            var verifier = AuditVerifier()
            for record in records[..<moment] { verifier.consume(record) }
            let accepted = verifier.check(checkpoint)
            #expect(accepted)
            for record in records[moment...] { verifier.consume(record) }
            verifier.finish(expecting: nil)
            #expect(verifier.report.valid)
        }
        var late = AuditVerifier()
        for record in records { late.consume(record) }
        let accepted = late.check(checkpoint)
        #expect(!accepted)
    }

    @Test("a verifier finds a trail that was rewritten before a checkpoint, or cut before it", arguments: [0, 3])
    func verifierCheckpoint(moment: Int) throws {
        let key = try SigningKey.generate(.es256)
        let checkpoint = try AuditCheckpoint(
            unverified: AuditCheckpoint.make(head: trail(3).head, issuer: issuer, now: 0, key: key))
        var chain = AuditChain(head: .genesis)
        let forged = (0..<4).map { _ in chain.append(.bare) }
        var verifier = AuditVerifier()
        for record in forged[..<moment] { verifier.consume(record) }
        verifier.check(checkpoint)
        for record in forged[moment...] { verifier.consume(record) }
        verifier.finish(expecting: chain.head)
        #expect(!verifier.report.valid)
        #expect(verifier.report.firstBad == 3)

        var cut = AuditVerifier()
        for record in trail(2).records { cut.consume(record) }
        cut.check(checkpoint)
        cut.finish(expecting: nil)
        #expect(cut.report.firstBad == 3)
        #expect(cut.report.problem?.contains("truncated") == true)
    }

    @Test("two checkpoints that contradict one another are found before any record comes")
    func contradiction() throws {
        let key = try SigningKey.generate(.es256)
        var verifier = AuditVerifier()
        let hashes = [trail(3).head.hash, AuditHead.genesis.hash]
        let answers = try hashes.map { hash in
            let head = AuditHead(sequence: 3, hash: hash)
            return try verifier.check(
                AuditCheckpoint(unverified: AuditCheckpoint.make(head: head, issuer: issuer, now: 0, key: key)))
        }
        #expect(answers == [true, false])
        #expect(!verifier.report.valid)
    }
}

extension SignatureAlgorithm {
    /// The algorithms that Legate signs with.
    static let legate: [SignatureAlgorithm] = [.es256, .ed25519]
}
