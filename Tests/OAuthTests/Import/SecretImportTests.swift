import JOSE
import Support
import Testing
import Vault

@testable import OAuth

@Suite("Importing secrets")
struct SecretImportTests {
    private func order(
        _ values: KeyValuePairs<String, String>, readers: [Party] = [], overwrites: Bool = false, isDryRun: Bool = false
    ) -> SecretImport {
        SecretImport(
            items: values.map {
                SecretImport.Item(name: LegateKit.secretName($0.key), value: Secret(Array($0.value.utf8)))
            },
            readers: readers.map(\.id), overwrites: overwrites, isDryRun: isDryRun
        )
    }

    @discardableResult
    private func bring(_ order: SecretImport, _ kit: LegateKit) async throws -> [ImportStep.Action] {
        try await kit.server.secretDesk.bringIn(order, by: kit.keeper()).map(\.action)
    }

    @Test("new secrets are there with their readers, after a restart too; nobody else may read them")
    func create() async throws {
        let kit = try await LegateKit.start()
        #expect(try await bring(order(["a": "1", "b/c": "2"], readers: [kit.planner]), kit) == [.create, .create])
        #expect(try await kit.read("b/c", as: kit.planner) == "2")
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("a", as: kit.worker) }
        let again = try await kit.restarted()
        #expect(try await again.read("a", as: again.planner) == "1")
        let secret = try #require(again.server.registry.secrets.secret(LegateKit.secretName("a")))
        #expect(secret.revision == 1 && secret.current == 1 && secret.latest == 1 && secret.kind == .static)
        // What was imported can be changed like what was put.
        try await again.server.secretDesk.put(Secret([1]), into: secret.name, ifVersion: 1, by: again.keeper())
    }

    @Test("one that may not be changed stops all of them")
    func allOrNothing() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("there", "old", readers: [kit.planner])
        #expect(try await bring(order(["new": "1", "there": "2"]), kit) == [.create, .refused])
        #expect(kit.server.registry.secrets.secret(LegateKit.secretName("new")) == nil)
        #expect(try await kit.read("there", as: kit.planner) == "old")
        #expect(try await bring(order(["new": "1", "there": "old"]), kit) == [.create, .unchanged])
    }

    @Test("to overwrite makes a new version, and leaves rules and what has the value already alone")
    func overwrite() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", "1", readers: [kit.planner])
        try await kit.keep("b", "2", readers: [kit.planner])
        let order = order(["a": "1", "b": "3"], readers: [kit.worker], overwrites: true)
        #expect(try await bring(order, kit) == [.unchanged, .newVersion])
        #expect(try await kit.read("b", as: kit.planner) == "3")
        #expect(try await kit.read("b", version: 1, as: kit.planner) == "2")
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("b", as: kit.worker) }
        #expect(try await kit.store.secretVersions(of: LegateKit.secretName("a")).count == 1)
    }

    @Test("a dry run changes nothing, but is in the trail: its answer says whether a guess is right")
    func dryRun() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", "1")
        let before = kit.server.ledger.auditHead.sequence
        #expect(try await bring(order(["a": "1", "b": "2"], isDryRun: true), kit) == [.unchanged, .create])
        #expect(kit.server.registry.secrets.secret(LegateKit.secretName("b")) == nil)
        let records = try await kit.store.auditRecords(matching: AuditQuery(after: before, limit: 10))
        #expect(records.map(\.event.name) == [.secretsImported])
        #expect(records.first?.event.after == #"{"names":["a","b"]}"#)
        #expect(records.first?.event.policyEvaluation?.reason?.hasPrefix("dry run") == true)
    }

    @Test("every new value has its record, and none has the value")
    func audit() async throws {
        let kit = try await LegateKit.start()
        let before = kit.server.ledger.auditHead.sequence
        try await bring(order(["a": "hunter2", "b": "hunter3"]), kit)
        let records = try await kit.store.auditRecords(matching: AuditQuery(after: before, limit: 10))
        #expect(records.map(\.event.name) == [.secretCreated, .secretCreated])
        #expect(records.map(\.event.target) == ["secret/a/versions/1", "secret/b/versions/1"])
        #expect(!records.contains { $0.json.text.contains("hunter") })
    }

    @Test("when nothing can be written, nothing is there, in memory either")
    func noDisk() async throws {
        let kit = try await LegateKit.start()
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) { try await bring(order(["a": "1"]), kit) }
        kit.store.fail(false)
        #expect(kit.server.registry.secrets.secret(LegateKit.secretName("a")) == nil)
    }

    @Test("it takes the scope to write, and a reader who is registered")
    func refusals() async throws {
        let kit = try await LegateKit.start()
        await #expect(throws: OAuthError.self) {
            try await kit.server.secretDesk.bringIn(order(["a": "1"]), by: kit.keeper(SecretDesk.readScope))
        }
        var unknown = order(["a": "1"])
        unknown.readers = [try #require(ClientID("nobody"))]
        await #expect(throws: InvalidDocument.self) { try await bring(unknown, kit) }
        #expect(kit.server.registry.secrets.all.isEmpty)
    }

    @Test("two imports of the same names at once: both are right, and no version is lost")
    func concurrent() async throws {
        let kit = try await LegateKit.start()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                group.addTask {
                    let order = order(["a": "\(number)", "b": "\(number)"], readers: [kit.planner], overwrites: true)
                    try await bring(order, kit)
                }
            }
            try await group.waitForAll()
        }
        let a = try #require(kit.server.registry.secrets.secret(LegateKit.secretName("a")))
        #expect(a.current == 6 && a.latest == 6)
        // They came in together, so they are of the same import.
        #expect(try await kit.read("a", as: kit.planner) == kit.read("b", as: kit.planner))
    }

    @Test(
        "an order that is not right is refused as a whole, and its values are not repeated",
        arguments: [
            #"{}"#, #"{"secrets":[]}"#, #"{"secrets":[{"name":"a"}]}"#, #"{"secrets":[{"name":"a","value":""}]}"#,
            #"{"secrets":[{"name":"../a","value":"hunter2"}]}"#, #"{"secrets":[{"name":"a","value":["hunter2"]}]}"#,
            #"{"secrets":[{"name":"a","value":"hunter2","value_base64":"aA"}]}"#,
            #"{"secrets":[{"name":"a","value_base64":"hunter2=="}]}"#,
            #"{"secrets":[{"name":"a","value":"hunter2"},{"name":"a","value":"hunter2"}]}"#,
            #"{"secrets":[{"name":"a","value":"hunter2"}],"more":1}"#, #"{"secrets":"hunter2"}"#,
        ]
    )
    func malformed(_ text: String) throws {
        let document = try #require(try JSON(parsing: text).object)
        do {
            _ = try SecretImport(from: document)
            Issue.record("it was taken")
        } catch {
            #expect(!"\(error)".contains("hunter2"))
        }
    }

    @Test(
        "bytes that are no text come as base64, in its one spelling",
        arguments: ["+/8=", "AA==", "AAAA", "-_8=", "+/9=", "AA=", "AA", "A=A="])
    func base64(_ text: String) throws {
        let good: [String: [UInt8]] = ["+/8=": [0xFB, 0xFF], "AA==": [0], "AAAA": [0, 0, 0]]
        let item: JSON = .object(["name": "a", "value_base64": .string(text)])
        let read = try? SecretImport(from: ["secrets": .array([item])])
        #expect(read?.items.first?.value.withBytes { $0 } == good[text])
    }
}
