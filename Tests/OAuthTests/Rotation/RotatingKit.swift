import JOSE
import Support
import Synchronization
import Vault

@testable import OAuth

extension LegateKit {
    static let webhook = "https://deploy.example.com/rotated"

    /// A secret that makes its own values.
    @discardableResult
    func generate(
        _ name: String, every: Int = 3600, grace: Int = 600, webhook: String? = nil, onRevokedLease: Bool = false,
        readers: [Party] = []
    ) async throws -> VaultSecret {
        try await define(name, kind: .generated, every: every, grace: grace, webhook: webhook, with: readers) {
            $0["on_revoked_lease"] = .bool(onRevokedLease)
        }
    }

    /// A secret whose second version is pending: its webhook does not answer.
    func generatePending(_ name: String, readers: [Party]) async throws {
        try await generate(name, webhook: Self.webhook, readers: readers)
        await rotateDue()
        clock.advance(seconds: 3600)
        courier.answer(then: nil)
        await rotateDue()
    }

    /// A secret that keeps a client's own secret, which the client may read.
    @discardableResult
    func keepSecret(
        of party: Party, as name: String, every: Int = 3600, grace: Int = 600, webhook: String? = nil
    ) async throws -> VaultSecret {
        try await define(
            name, kind: .client, every: every, grace: grace, webhook: webhook, with: [party], client: party.id)
    }

    private func define(
        _ name: String, kind: SecretKind, every: Int, grace: Int, webhook: String?, with readers: [Party],
        client: ClientID? = nil, _ adjust: (inout JSONObject) -> Void = { _ in }
    ) async throws -> VaultSecret {
        var rotation: JSONObject = ["every": .integer(Int64(every)), "grace": .integer(Int64(grace))]
        if let webhook { rotation["webhook"] = .string(webhook) }
        adjust(&rotation)
        var draft: JSONObject = [
            "kind": .string(kind.rawValue), "rotation": .object(rotation),
            "rules": .array(readers.map { .object(["client_id": .string($0.id.text)]) }),
        ]
        if let client { draft["client_id"] = .string(client.text) }
        return try await server.secretDesk.create(Self.secretName(name), from: draft, by: keeper())
    }

    /// Does what is due at this moment, and nothing else.
    ///
    /// - Returns: how the attempts ended, in order.
    @discardableResult
    func rotateDue() async -> [RotationOutcome] {
        var outcomes: [RotationOutcome] = []
        let scheduler = server.rotationDesk.scheduler
        await scheduler.plan()
        while true {
            let due = RotationBook.Lane.allCases.flatMap { scheduler.book.take($0, at: clock.time, limit: 64) }
            if due.isEmpty { return outcomes }
            outcomes += await withTaskGroup(of: [RotationOutcome].self) { group in
                for name in due {
                    group.addTask {
                        let seen = Seen()
                        await scheduler.work(on: name) { _, outcome in seen.outcomes.withLock { $0.append(outcome) } }
                        scheduler.book.settle(name)
                        return seen.outcomes.withLock { $0 }
                    }
                }
                return await group.reduce([], +)
            }
        }
    }

    func secret(_ name: String) -> VaultSecret? { server.registry.secrets.secret(Self.secretName(name)) }

    func plan(_ name: String) -> RotationPlan? { server.registry.rotations.plan(Self.secretName(name)) }

    func count(of name: AuditEvent.Name) async throws -> Int {
        try await records().count { $0.event.name == name }
    }
}

private final class Seen: Sendable {
    let outcomes = Mutex<[RotationOutcome]>([])
}
