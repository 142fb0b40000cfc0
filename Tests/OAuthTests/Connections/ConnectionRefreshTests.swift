import JOSE
import Support
import Synchronization
import Testing
import Vault

@testable import OAuth

@Suite("Refreshing connections")
struct ConnectionRefreshTests {
    private let path = "users/alice/github"

    private func connected(_ more: JSONObject = [:]) async throws -> (LegateKit, StubProvider) {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        try await kit.connect(provider, readers: [kit.planner], with: more)
        return (kit, provider)
    }

    @Test("a token is handed out until a fifth of its life is left, then a new one, and no lease outlives it")
    func early() async throws {
        let (kit, provider) = try await connected()
        kit.clock.advance(seconds: 2879)
        let released = try await kit.server.secretDesk.read(
            LegateKit.github, by: kit.vaultToken(kit.planner), in: kit.context("GET /vault/values"))
        #expect(released.value.text == "access-1" && provider.refreshes == 0)
        #expect(released.lease.expiresAt == TestClock.start.adding(seconds: 3600))
        kit.clock.advance(seconds: 1)
        let next = try await kit.server.secretDesk.read(
            LegateKit.github, by: kit.vaultToken(kit.planner), in: kit.context("GET /vault/values"))
        #expect(next.value.text == "access-2" && provider.refreshes == 1)
        #expect(next.lease.expiresAt == TestClock.start.adding(seconds: 2880 + 3600))
    }

    @Test("a short-lived token is not refreshed with every read")
    func short() async throws {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        provider.setLifetime(40)
        try await kit.connect(provider, readers: [kit.planner])
        kit.clock.advance(seconds: 19)
        #expect(try await kit.read(path, as: kit.planner) == "access-1")
        kit.clock.advance(seconds: 1)
        #expect(try await kit.read(path, as: kit.planner) == "access-2")
    }

    @Test("a token without an end is kept")
    func endless() async throws {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        provider.setLifetime(nil)
        try await kit.connect(provider, readers: [kit.planner])
        kit.clock.advance(seconds: 10_000_000)
        #expect(try await kit.read(path, as: kit.planner) == "access-1")
        #expect(provider.refreshes == 0)
    }

    @Test("a hundred readers at once make one refresh, and all get the new token")
    func singleFlight() async throws {
        let (kit, provider) = try await connected()
        provider.setPause(.milliseconds(50))
        kit.clock.advance(seconds: 3500)
        let values = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<100 { group.addTask { try await kit.read(path, as: kit.planner) } }
            var values: Set<String> = []
            for try await value in group { values.insert(value) }
            return values
        }
        #expect(values == ["access-2"] && provider.refreshes == 1)
    }

    @Test("a reader that leaves does not take the refresh with it")
    func cancelledReader() async throws {
        let (kit, provider) = try await connected()
        provider.setPause(.milliseconds(100))
        kit.clock.advance(seconds: 3500)
        let impatient = Task { try await kit.read(path, as: kit.planner) }
        let patient = Task { try await kit.read(path, as: kit.planner) }
        try await Task.sleep(for: .milliseconds(20))
        impatient.cancel()
        #expect(try await patient.value == "access-2")
        #expect(provider.refreshes == 1)
    }

    @Test("a rotated refresh token is durable before the access token that came with it is released")
    func durableFirst() async throws {
        let (kit, provider) = try await connected()
        kit.clock.advance(seconds: 3500)
        kit.store.hold()
        let isDone = Atomic(false)
        let reader = Task {
            let value = try await kit.read(path, as: kit.planner)
            isDone.store(true, ordering: .relaxed)
            return value
        }
        try await kit.store.waitUntilHeld()
        #expect(provider.refreshes == 1)
        try await Task.sleep(for: .milliseconds(50))
        #expect(isDone.load(ordering: .relaxed) == false)
        kit.store.release()
        #expect(try await reader.value == "access-2")
        // The one that was stored is the one that works.
        let again = try await kit.restarted()
        again.clock.advance(seconds: 3500)
        #expect(try await again.read(path, as: again.planner) == "access-3")
        #expect(again.connection()?.status == .connected)
    }

    @Test("an answer that storage did not take is stored later, and the provider is not asked with a spent token")
    func storageFails() async throws {
        let (kit, provider) = try await connected()
        kit.clock.advance(seconds: 3601)
        kit.store.fail(true)
        // Not a SecretRefusal: the record of a refusal cannot be written either.
        await #expect(throws: LedgerUnavailable.self) { try await kit.read(path, as: kit.planner) }
        #expect(provider.refreshes == 1)
        kit.store.fail(false)
        kit.clock.advance(seconds: 2)
        #expect(try await kit.read(path, as: kit.planner) == "access-2")
        #expect(provider.refreshes == 1 && kit.connection()?.status == .connected)
    }

    @Test("invalid_grant breaks the connection: nothing is handed out, and the alarm says who can mend it")
    func broken() async throws {
        let (kit, provider) = try await connected()
        provider.withdraw()
        kit.clock.advance(seconds: 3000)
        let refusal = await #expect(throws: SecretRefusal.self) { try await kit.read(path, as: kit.planner) }
        guard case .conflict(let sentence)? = refusal else { return #expect(Bool(false), "\(refusal as Any)") }
        #expect(sentence.contains("operator has to connect the account again"))
        let record = try #require(try await kit.records().last { $0.event.name == .connectionBroken })
        #expect(record.event.decision == .deny && record.event.target == "secret/users/alice/github")
        #expect(record.event.policyEvaluation?.reason == "the provider answered 400, invalid_grant")
        #expect(record.event.after?.contains(#""severity":"alert""#) == true)
        #expect(kit.server.registry.connections.counts == [.broken: 1])
        // Asking again asks nobody, and writes nothing more.
        let asked = kit.fetcher.requests(for: StubProvider.token)
        let count = try await kit.records().filter { $0.event.name == .connectionBroken }.count
        _ = try? await kit.read(path, as: kit.planner)
        #expect(kit.fetcher.requests(for: StubProvider.token) == asked)
        #expect(try await kit.records().filter { $0.event.name == .connectionBroken }.count == count)
        let again = try await kit.restarted()
        #expect(again.connection()?.status == .broken)
    }

    @Test("the same account connected again works again, without saying who the provider is")
    func mended() async throws {
        let (kit, provider) = try await connected()
        provider.withdraw()
        kit.clock.advance(seconds: 3600)
        _ = try? await kit.read(path, as: kit.planner)
        let id = kit.connection()?.id
        let started = try await kit.connections.start(LegateKit.github, [:], by: kit.keeper())
        let code = try kit.code(in: try await kit.comeBack(with: try provider.agree(to: started.authorizationURL)))
        _ = try await kit.connections.finish(LegateKit.github, code: code, by: kit.keeper())
        #expect(try await kit.read(path, as: kit.planner) == "access-2")
        #expect(kit.connection()?.id == id)
    }

    @Test(
        "a provider that cannot answer is left alone for a while, and the old token serves while it lives",
        arguments: [503, 429, 500])
    func transient(_ status: Int) async throws {
        let (kit, provider) = try await connected()
        provider.fail(status)
        kit.clock.advance(seconds: 3000)
        for _ in 0..<20 { #expect(try await kit.read(path, as: kit.planner) == "access-1") }
        #expect(kit.fetcher.requests(for: StubProvider.token) == 2)
        #expect(kit.server.connectionKeeper.tallies.failed == 1)
        kit.clock.advance(seconds: 600)
        let refusal = await #expect(throws: SecretRefusal.self) { try await kit.read(path, as: kit.planner) }
        guard case .unavailable(_, let seconds)? = refusal else { return #expect(Bool(false), "\(refusal as Any)") }
        #expect((1...300).contains(seconds))
        provider.fail(nil)
        kit.clock.advance(seconds: 300)
        #expect(try await kit.read(path, as: kit.planner) == "access-2")
        // One record for one trouble, however often it was met.
        #expect(try await kit.records().filter { $0.event.name == .connectionRefreshFailed }.count == 1)
    }

    @Test("waits between attempts grow, and never beyond five minutes")
    func backoff() async throws {
        let (kit, provider) = try await connected()
        provider.fail(503)
        kit.clock.advance(seconds: 3000)
        var waits: [Int64] = []
        for _ in 0..<12 {
            _ = try? await kit.read(path, as: kit.planner)
            let pause = try #require(kit.server.connectionKeeper.pause(of: LegateKit.github))
            waits.append(pause.until.milliseconds - kit.clock.time.milliseconds)
            kit.clock.advance(.milliseconds(waits.last ?? 0))
        }
        #expect((500...1000).contains(waits[0]) && (1000...2000).contains(waits[1]) && (2000...4000).contains(waits[2]))
        #expect(waits.allSatisfy { $0 <= 300_000 } && (waits.last ?? 0) >= 150_000)
    }

    @Test("a client that the provider refuses is no broken grant: the trail says so, the token serves on")
    func invalidClient() async throws {
        let (kit, provider) = try await connected()
        provider.fail(401, "invalid_client")
        kit.clock.advance(seconds: 3000)
        #expect(try await kit.read(path, as: kit.planner) == "access-1")
        #expect(kit.connection()?.status == .connected)
        let record = try #require(try await kit.records().last { $0.event.name == .connectionRefreshFailed })
        #expect(record.event.policyEvaluation?.reason == "the provider answered 401, invalid_client")
    }

    @Test(
        "what a provider must not answer is not taken",
        arguments: [
            #"{"token_type":"bearer"}"#, #"{"access_token":"a"}"#, #"{"access_token":"a","token_type":"mac"}"#,
            #"{"access_token":"a b\n","token_type":"bearer"}"#,
            #"{"access_token":"a","token_type":"bearer","expires_in":0}"#,
            #"{"access_token":"a","token_type":"bearer","expires_in":"soon"}"#, "[]", "",
            "access_token=a&token_type=bearer",
        ])
    func nonsense(_ body: String) async throws {
        let (kit, _) = try await connected()
        kit.fetcher.answer(at: StubProvider.token) { _ in FormAnswer(status: 200, body: Array(body.utf8)) }
        kit.clock.advance(seconds: 3000)
        #expect(try await kit.read(path, as: kit.planner) == "access-1")
        #expect(kit.connection()?.token?.version == 1)
    }

    @Test("a token whose end is farther than numbers go does no harm")
    func hugeLife() async throws {
        let (kit, _) = try await connected()
        let body = #"{"access_token":"b","token_type":"Bearer","expires_in":9223372036854775807}"#
        kit.fetcher.answer(at: StubProvider.token) { _ in FormAnswer(status: 200, body: Array(body.utf8)) }
        kit.clock.advance(seconds: 3000)
        #expect(try await kit.read(path, as: kit.planner) == "b")
    }

    @Test("a provider that keeps its refresh token is asked with it again")
    func unrotated() async throws {
        let (kit, _) = try await connected()
        let asked = Mutex<[String]>([])
        kit.fetcher.answer(at: StubProvider.token) { form in
            asked.withLock { $0.append(StubProvider.members(of: form)["refresh_token"] ?? "") }
            let body = #"{"access_token":"b","token_type":"Bearer","expires_in":"3600"}"#
            return FormAnswer(status: 200, body: Array(body.utf8))
        }
        for _ in 0..<2 {
            kit.clock.advance(seconds: 3600)
            #expect(try await kit.read(path, as: kit.planner) == "b")
        }
        let tokens = asked.withLock { $0 }
        #expect(tokens.count == 2 && Set(tokens).count == 1 && tokens.first?.hasPrefix("refresh-1-") == true)
    }

    @Test("old access tokens are erased, and do not pile up")
    func versions() async throws {
        let (kit, _) = try await connected()
        for _ in 0..<40 {
            kit.clock.advance(seconds: 3600)
            _ = try await kit.read(path, as: kit.planner)
        }
        let versions = try await kit.store.secretVersions(of: LegateKit.github)
        #expect(versions.filter { $0.state == .live }.map(\.number) == [41])
        #expect(versions.count <= 18 && versions.dropLast().allSatisfy { $0.state == .destroyed })
    }

    @Test("a box that was put back from an earlier time does not open, and nothing is sent")
    func oldBox() async throws {
        let (kit, provider) = try await connected()
        let old = try #require(kit.connection())
        kit.clock.advance(seconds: 3500)
        _ = try await kit.read(path, as: kit.planner)
        var mixed = try #require(kit.connection())
        mixed.box = old.box
        mixed.revision += 1
        try await kit.server.ledger.commit(Entry(changes: [.keepConnection(mixed, from: mixed.revision - 1)]))
        let asked = kit.fetcher.requests(for: StubProvider.token)
        kit.clock.advance(seconds: 3000)
        #expect(try await kit.read(path, as: kit.planner) == "access-2")
        #expect(kit.fetcher.requests(for: StubProvider.token) == asked && provider.refreshes == 1)
        #expect(
            kit.server.connectionKeeper.pause(of: LegateKit.github)?.reason == "what the connection keeps does not open"
        )
    }

    @Test("closing waits for an answer that is under way, and begins no other")
    func closing() async throws {
        let (kit, provider) = try await connected()
        provider.setPause(.milliseconds(100))
        kit.clock.advance(seconds: 3500)
        let reader = Task { try await kit.read(path, as: kit.planner) }
        while kit.fetcher.requests(for: StubProvider.token) < 2 { try await Task.sleep(for: .milliseconds(1)) }
        await kit.server.connectionKeeper.close()
        #expect(kit.connection()?.token?.version == 2)
        #expect(try await reader.value == "access-2")
        kit.clock.advance(seconds: 3500)
        #expect(try await kit.read(path, as: kit.planner) == "access-2")
        #expect(provider.refreshes == 1)
    }
}
