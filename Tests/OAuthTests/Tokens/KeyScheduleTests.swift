import JOSE
import Testing
import Vault

@testable import OAuth

@Suite("When the next signing key is due")
struct KeyScheduleTests {
    private let day = 86_400
    private let notice = SigningKeys.publishedBeforeUse

    private func key(
        _ name: String, _ algorithm: String = "ES256", from offset: Int, revoked: Int? = nil,
        origin: StoredSigningKey.Origin = .made, erased: Int? = nil
    ) -> StoredSigningKey {
        StoredSigningKey(
            keyID: name, algorithm: algorithm, box: [1], createdAt: at(offset), activeFrom: at(offset),
            revokedAt: revoked.map(at), origin: origin, erasedAt: erased.map(at)
        )
    }

    private func at(_ offset: Int) -> Timestamp { Fixtures.now.adding(seconds: offset) }

    private func due(_ keys: [StoredSigningKey], at offset: Int, period: Int? = 86_400) -> [KeySchedule.Due] {
        KeySchedule(period: period).due(among: keys, at: at(offset))
    }

    @Test("the next key is published six minutes before the signing one has had its time, and signs right then")
    func inTime() {
        let keys = [key("a", from: 0)]
        #expect(due(keys, at: day - notice - 1).isEmpty)
        #expect(due(keys, at: day - notice) == [.init(algorithm: .es256, activeFrom: at(day))])
        #expect(notice >= 240 && notice >= SigningKeys.cacheLifetime)
        // With its successor published there is nothing to do, before it signs and after.
        let both = keys + [key("b", from: day)]
        for offset in [day - notice, day - 1, day, day + 901, 2 * day - notice - 1] {
            #expect(due(both, at: offset).isEmpty, "\(offset)")
        }
        #expect(due(both, at: 2 * day - notice).map(\.activeFrom) == [at(2 * day)])
    }

    @Test("after a long rest one key is due, with its notice")
    func late() {
        #expect(due([key("a", from: 0)], at: 10 * day).map(\.activeFrom) == [at(10 * day + notice)])
        #expect(due([key("a", from: 0), key("b", from: 10 * day + notice)], at: 10 * day).isEmpty)
    }

    @Test("each algorithm has its own schedule")
    func algorithms() {
        let keys = [key("a", from: 0), key("e", "Ed25519", from: 3600), key("r", "RS256", from: 7200)]
        #expect(due(keys, at: day).map(\.algorithm) == [.es256])
        #expect(Set(due(keys, at: 2 * day).map(\.algorithm)) == [.es256, .ed25519, .rs256])
    }

    @Test("never means never")
    func never() {
        #expect(due([key("a", from: 0)], at: 1000 * day, period: nil).isEmpty)
    }

    @Test("a key that was brought stays")
    func imported() {
        let keys = [key("a", from: 0), key("own", from: 100, origin: .imported)]
        #expect(due(keys, at: 1000 * day).isEmpty)
        // Until somebody ends it.
        let ended = [key("own", from: 100, revoked: 200, origin: .imported), key("b", from: 200)]
        #expect(due(ended, at: day + 200).map(\.algorithm) == [.es256])
    }

    @Test("revoked and erased keys count for nothing")
    func over() {
        let keys = [key("a", from: 0), key("bad", from: 50, revoked: 60), key("old", from: -day, erased: 0)]
        #expect(due(keys, at: day - notice).map(\.activeFrom) == [at(day)])
        #expect(due(keys + [key("next", from: day, revoked: 100)], at: day - notice).count == 1)
        #expect(due([key("old", from: -day, erased: 0)], at: 0).isEmpty)
    }

    @Test("a clock that is set back starts no rotation twice; one that ran far ahead does not end rotation")
    func clock() {
        let keys = [key("a", from: 0), key("b", from: day)]
        #expect(due(keys, at: day - 3600).isEmpty)
        #expect(due(keys, at: -3600).isEmpty)
        // Made while the clock was a year ahead.
        let stray = [key("a", from: 0), key("far", from: 365 * day)]
        #expect(due(stray, at: day).map(\.activeFrom) == [at(day + notice)])
    }

    @Test("a period is at least a quarter of an hour")
    func floor() {
        #expect(KeySchedule(period: 1).period == 900)
        #expect(KeySchedule(period: 900).period == 900)
        #expect(KeySchedule(period: .max).period == KeySchedule.periods.upperBound)
        #expect(due([key("a", from: 0)], at: 899 - notice, period: 900).isEmpty)
        #expect(due([key("a", from: 0)], at: 900 - notice, period: 900).count == 1)
    }
}
