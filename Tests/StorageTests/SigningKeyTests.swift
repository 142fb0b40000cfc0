import Foundation
import GRDB
import OAuth
import Support
import Testing

@testable import Storage

@Suite("Signing keys in storage")
struct SigningKeyTests {
    private func columns(_ sql: String, _ installation: Installation) async throws -> Int {
        let store = try #require(installation.store as? SQLiteStore)
        return try await store.pool.read { try Int.fetchOne($0, sql: sql) ?? 0 }
    }

    @Test("an erased key leaves its public half and its times", arguments: Engine.allCases)
    func erased(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let key = Sample.signingKey()
        try await installation.commit(.addKey(key), .revokeKey("key-1", at: Sample.time))
        #expect(try await installation.commit(.eraseKey("key-1", publicHalf: [9, 8, 7], at: Sample.later)) == nil)
        let expected = StoredSigningKey(
            keyID: "key-1", algorithm: key.algorithm, box: [9, 8, 7], createdAt: key.createdAt,
            activeFrom: key.activeFrom, revokedAt: Sample.time, erasedAt: Sample.later
        )
        #expect(try await installation.reopened().load().signingKeys == [expected])
    }

    @Test("a private half is nowhere in the file once it is erased", arguments: Engine.allCases)
    func gone(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let box = Array("a box that nobody must find".utf8)
        let key = StoredSigningKey(
            keyID: "key-1", algorithm: "ES256", box: box, createdAt: Sample.time, activeFrom: Sample.time)
        try await installation.commit(.addKey(key))
        try await installation.commit(.eraseKey("key-1", publicHalf: [9], at: Sample.later))
        try await installation.store.forgetOverwritten()
        for name in ["legate.db", "legate.db-wal"] {
            let data = FileManager.default.contents(atPath: installation.directory.path + "/" + name)
            #expect(data?.range(of: Data(box)) == nil, "\(name)")
        }
        #expect(try await columns("SELECT count(*) FROM signing_keys", installation) == 0)
        #expect(try await columns("SELECT count(*) FROM retired_keys", installation) == 1)
    }

    @Test("erasing twice, or what is not there, changes nothing", arguments: Engine.allCases)
    func twice(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(.addKey(Sample.signingKey()))
        #expect(try await installation.commit(.eraseKey("key-9", publicHalf: [1], at: Sample.time)) == nil)
        #expect(try await installation.load().signingKeys == [Sample.signingKey()])
        for box in [[UInt8(1)], [2]] {
            #expect(try await installation.commit(.eraseKey("key-1", publicHalf: box, at: Sample.time)) == nil)
        }
        #expect(try await installation.load().signingKeys.map(\.box) == [[1]])
    }

    @Test("a key whose private half was erased does not come back under its name", arguments: Engine.allCases)
    func name(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(.addKey(Sample.signingKey()))
        try await installation.commit(.eraseKey("key-1", publicHalf: [1], at: Sample.time))
        #expect(try await installation.commit(.addKey(Sample.signingKey())) == .exists("key-1"))
        // It can still be revoked, for the record.
        #expect(try await installation.commit(.revokeKey("key-1", at: Sample.later)) == nil)
        #expect(try await installation.load().signingKeys.map(\.revokedAt) == [Sample.later])
    }

    @Test("where a key comes from is kept", arguments: Engine.allCases)
    func origin(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let own = StoredSigningKey(
            keyID: "own", algorithm: "RS256", box: [1], createdAt: Sample.time, activeFrom: Sample.time,
            publicKey: "{}", origin: .imported
        )
        try await installation.commit(.addKey(own))
        let again = try await installation.reopened()
        #expect(try await again.load().signingKeys == [own])
        try await again.commit(.eraseKey("own", publicHalf: [1], at: Sample.time))
        #expect(try await again.load().signingKeys.map(\.origin) == [.imported])
    }
}
