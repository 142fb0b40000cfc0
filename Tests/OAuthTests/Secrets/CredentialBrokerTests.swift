import JOSE
import Revocations
import Support
import Testing
import Vault

@testable import OAuth

@Suite("Brokering")
struct CredentialBrokerTests {
    private static let key = "sk_live_4242"

    private static func draft(
        rules: [JSONObject] = [["client_id": "planner"]], header: String = "X-Api-Key", format: String? = nil
    ) -> JSONObject {
        let resource = JSON.string(World.calendar.text)
        var injection: JSONObject = ["header": .string(header)]
        if let format { injection["format"] = .string(format) }
        return [
            "resource": resource, "injection": .object(injection),
            "rules": .array(rules.map { .object($0.merging(patch: ["resource": resource])) }),
        ]
    }

    private static func start(_ draft: JSONObject = draft(), value: String = key) async throws -> LegateKit {
        let kit = try await LegateKit.start()
        try await kit.keep("calendar/key", value, with: draft)
        return kit
    }

    @Test("a gateway that proved itself gets the credential as the secret says it is sent")
    func injects() async throws {
        let kit = try await Self.start(Self.draft(header: "Authorization", format: "Token {secret};v=1"), value: "k\n")
        let token = try await kit.token(kit.planner, scope: "calendar.read").accessToken
        let pass = try await kit.check(token, resource: "calendar", as: kit.gateway)
        #expect(pass.upstream?.header == "Authorization")
        #expect(pass.upstream?.value == "Token k;v=1")
    }

    @Test("a gateway that did not prove itself gets none")
    func anonymous() async throws {
        let kit = try await Self.start()
        let token = try await kit.token(kit.planner, scope: "calendar.read").accessToken
        let count = kit.auditCount
        let pass = try await kit.check(token, resource: "calendar")
        #expect(pass.upstream == nil)
        #expect(try await kit.records().suffix(Int(kit.auditCount - count)).map(\.event.name) == [.checkAllowed])
    }

    @Test("a gateway of another API gets none")
    func otherGateway() async throws {
        let kit = try await Self.start()
        try await kit.update(.client, "gateway", ["resources": [.string(World.orders.text)]])
        let token = try await kit.token(kit.planner, scope: "calendar.read").accessToken
        await kit.refusedCheck(.gateway, token, resource: "calendar", as: kit.gateway)
        #expect(try await kit.leases("calendar/key").isEmpty)
    }

    @Test("the call and the release are one entry; where calls are only counted the release is still recorded")
    func trail() async throws {
        let kit = try await Self.start()
        let token = try await kit.token(kit.planner, scope: "calendar.read", with: ["task_id": "t"])
        var count = kit.auditCount
        _ = try await kit.check(token.accessToken, resource: "calendar", as: kit.gateway)
        #expect(
            try await kit.records().suffix(Int(kit.auditCount - count)).map(\.event.name)
                == [.checkAllowed, .secretReleased]
        )
        let lease = try #require(try await kit.leases("calendar/key").first)
        #expect(lease.identity == token.token.identity)
        #expect(lease.expiresAt == Timestamp(seconds: token.token.expiresAt))
        try await kit.update(.resource, "calendar", ["check_audit": "count"])
        count = kit.auditCount
        _ = try await kit.check(token.accessToken, resource: "calendar", as: kit.gateway)
        let records = try await kit.records().suffix(Int(kit.auditCount - count)).map(\.event)
        #expect(records.map(\.name) == [.secretReleased])
        #expect(records.first?.taskID == "planner/t" && records.first?.resource == World.calendar.text)
        #expect(try await kit.records().contains { "\($0)".contains(Self.key) } == false)
    }

    @Test("whoever no rule names does not get through to an upstream that takes the key alone")
    func denied() async throws {
        let kit = try await Self.start()
        let token = try await kit.token(kit.worker, scope: "calendar.read").accessToken
        let refusal = await kit.refusedCheck(.insufficientScope, token, resource: "calendar", as: kit.gateway)
        #expect(refusal?.error.rule == "credential")
        let record = try #require(try await kit.lastRecord())
        #expect(record.event.name == .checkDenied && record.event.policyEvaluation?.rule == "credential")
        let reason = "no rule lets this caller use the credential of the upstream"
        #expect(record.event.policyEvaluation?.reason == reason)
        #expect(refusal?.error.description == "the call is not allowed for this caller")
        // The vault's own door is another one.
        _ = try await kit.server.secretDesk.allow(
            LegateKit.secretName("calendar/key"), rule: ["client_id": "worker"], by: kit.keeper())
        await kit.refusedCheck(.insufficientScope, token, resource: "calendar", as: kit.gateway)
        #expect(try await kit.leases("calendar/key").isEmpty)
    }

    @Test("a secret that does not say how it is sent is not for gateways")
    func noInjection() async throws {
        let kit = try await Self.start(Self.draft().merging(patch: ["injection": .null]))
        let token = try await kit.token(kit.planner, scope: "calendar.read").accessToken
        #expect(try await kit.check(token, resource: "calendar", as: kit.gateway).upstream == nil)
    }

    @Test("two credentials that would do are none")
    func ambiguous() async throws {
        let kit = try await Self.start()
        try await kit.keep("calendar/other", with: Self.draft())
        let token = try await kit.token(kit.planner, scope: "calendar.read").accessToken
        let refusal = await kit.refusedCheck(.insufficientScope, token, resource: "calendar", as: kit.gateway)
        #expect(refusal?.error.description == "the call is not allowed for this caller")
    }

    @Test("revoking the token, the delegation or the rule ends it at the next call")
    func revocation() async throws {
        let kit = try await Self.start(Self.draft(rules: [["subject": "corp|alice"]]))
        let delegation = try await kit.delegate(to: kit.planner)
        let first = try await kit.act(by: kit.planner, scope: "calendar.read")
        let second = try await kit.act(by: kit.planner, scope: "calendar.read").accessToken
        #expect(try await kit.check(first.accessToken, resource: "calendar", as: kit.gateway).upstream != nil)
        try await kit.end(.token, first.token.identity.jti)
        await kit.refusedCheck(.invalidToken, first.accessToken, resource: "calendar", as: kit.gateway)
        #expect(try await kit.check(second, resource: "calendar", as: kit.gateway).upstream != nil)
        try await kit.revokeDelegation(delegation.id)
        await kit.refusedCheck(.invalidToken, second, resource: "calendar", as: kit.gateway)
        #expect(try await kit.leases("calendar/key").isEmpty)
    }

    @Test("a revocation that enters the ledger first stops the release")
    func race() async throws {
        let kit = try await Self.start()
        let token = try await kit.token(kit.planner, scope: "calendar.read")
        kit.store.hold()
        let ending = Task { try await kit.end(.token, token.token.identity.jti) }
        try await kit.store.waitUntilHeld()
        let checking = Task { try await kit.check(token.accessToken, resource: "calendar", as: kit.gateway) }
        try await Task.sleep(for: .milliseconds(50))
        kit.store.release()
        _ = try await ending.value
        await #expect(throws: CheckRefusal.self) { try await checking.value }
        #expect(try await kit.records().contains { $0.event.name == .secretReleased } == false)
    }

    @Test("what cannot be recorded is not handed to the gateway, even where calls are only counted")
    func failClosed() async throws {
        let kit = try await Self.start()
        try await kit.update(.resource, "calendar", ["check_audit": "count"])
        let token = try await kit.token(kit.planner, scope: "calendar.read").accessToken
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) {
            try await kit.check(token, resource: "calendar", as: kit.gateway)
        }
    }

    @Test("a value that cannot stand in a header is not sent", arguments: ["a\r\nX-Admin: 1", "b\u{0}", "é"])
    func headerInjection(value: String) async throws {
        let name = LegateKit.secretName("calendar/key")
        let draft = Self.draft()
        // The value was there before it was to be sent.
        let kit = try await Self.start(draft.merging(patch: ["injection": .null]), value: value)
        _ = try await kit.server.secretDesk.update(
            name, patch: ["injection": draft["injection"] ?? .null], ifRevision: nil, by: kit.keeper())
        let token = try await kit.token(kit.planner, scope: "calendar.read").accessToken
        let refusal = await kit.refusedCheck(.request, token, resource: "calendar", as: kit.gateway)
        #expect(refusal?.error.code == .serverError)
    }

    @Test("where a gateway is to send it, a value that cannot stand in a header is refused")
    func uninjectable() async throws {
        let kit = try await Self.start(value: "good\n")
        let name = LegateKit.secretName("calendar/key")
        let bad = Secret(Array("two\nlines".utf8))
        await #expect(throws: InvalidDocument.self) {
            try await kit.server.secretDesk.put(bad, into: name, by: kit.keeper())
        }
        await #expect(throws: InvalidDocument.self) { try await kit.keep("new", "two\nlines", with: Self.draft()) }
        let order = SecretImport(
            items: [SecretImport.Item(name: name, value: bad)], readers: [], overwrites: true, isDryRun: false)
        let steps = try await kit.server.secretDesk.bringIn(order, by: kit.keeper())
        #expect(steps.map(\.action) == [.refused])
        #expect(kit.server.registry.secrets.secret(name)?.current == 1)
        #expect(kit.server.registry.secrets.secret(LegateKit.secretName("new")) == nil)
        try await kit.server.secretDesk.put(Secret(Array("better".utf8)), into: name, by: kit.keeper())
    }
}
