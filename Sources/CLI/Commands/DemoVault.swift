import Foundation
import JOSE

/// The part of the tour in which an agent uses a secret without keeping it.
struct DemoVault {
    let tour: Tour
    /// Makes every name of the tour its own.
    let suffix: String
    let planner: String
    /// The user for whom the planner reads, `NAME|SUB`.
    let user: String

    var resource: String { OwnAPI.vault.resource(of: tour.server.profile.server) }
    var name: String { "demo/\(suffix)/bank-key" }
    var strangerID: String { "demo-stranger-\(suffix)" }

    private static let value = "bank_live_51f0c8d2"

    /// Whether the operator of the tour may keep secrets; older ones were made without that.
    func isPossible() async throws -> Bool {
        do {
            _ = try await tour.server.get("secrets", [("limit", "1")], at: .vault)
            return true
        } catch is ServerRefusal {
            try tour.note("this operator may not keep secrets, so the tour leaves the vault out; to let it:")
            try tour.note("legate client update … --scope … secrets:write --resource … \(resource)")
            return false
        }
    }

    func keep() async throws {
        try await tour.step("Keep a secret. Nobody may read it yet.") {
            try await Self.withFile(Self.value) { file in
                let made = try await tour.legate(
                    "secret", "put", name, "--from-file", file, "--description", "the bank's API",
                    showing: ["name", "kind", "current_version", "rules"]
                )
                try tour.expect(made["current_version"]?.integer == 1, "version 1 is sealed in the database")
                try tour.expect(made["rules"]?.array?.isEmpty == true, "no rule lets anybody have it")
            }
        }
        try await tour.step("Let the planner read it, but only when it acts for alice.") {
            let made = try await tour.legate(
                "secret", "allow", name, "--reader", planner, "--subject", user, showing: ["name", "rules"]
            )
            try tour.expect(made["rules"]?.array?.count == 1, "one rule")
        }
    }

    /// - Parameter token: a token of the planner for the vault, under alice's delegation.
    func read(with token: String) async throws {
        try await tour.step("The planner reads it. All that it held before is its token for this task.") {
            try await Self.withFile(token) { file in
                let answer = try await tour.legate("secret", "get", name, "--token-file", file, "--json")
                try tour.expect(answer["value"]?.string == Self.value, "the value is what was put")
                try tour.expect(answer["lease"]?.object?["expires_at"] != nil, "it has it under a lease")
            }
            let leases =
                try await tour.legate(
                    "secret", "leases", name
                )["items"]?.array ?? []
            try tour.expect(leases.count == 1, "the lease says who has it, for whom, in which task")
        }
    }

    /// - Returns: the path of the client that was registered for it.
    func refuseStranger() async throws -> String {
        try await tour.step("Refused: another agent of the vault, with a good token of its own.") {
            let made = try await tour.legate(
                "client", "create", "Demo stranger", "--id", strangerID, "--scope", "secrets:read", "--resource",
                resource, showing: ["client_id", "scopes", "resources", "client_secret"]
            )
            guard let secret = made["client_secret"]?.string else {
                throw CommandFailure("the answer has no client_secret")
            }
            try await Self.withFile(secret) { file in
                for tried in [name, name + "-that-never-was"] {
                    let refusal = try await tour.refusedLegate(
                        "secret", "get", tried, "--client", strangerID, "--secret-file", file
                    )
                    try tour.expect(refusal.status == 404, "404: it is told that there is no \(tried)")
                }
            }
            return "clients/\(strangerID)"
        }
    }

    func leaseEnded() async throws {
        try await tour.step("The planner's lease ended with the delegation.") {
            let leases = try await tour.legate("secret", "leases", name)["items"]?.array
            try tour.expect(leases?.isEmpty == true, "nobody holds the bank's key any more")
        }
    }

    func cleanUp() async throws { try await tour.server.vault("DELETE", "secrets/\(name)") }

    /// Lends a file that only this user can read.
    private static func withFile(_ content: String, _ body: (String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.path + "/legate-demo-\(UUID().uuidString)"
        let isWritten = FileManager.default.createFile(
            atPath: path, contents: Data(content.utf8), attributes: [.posixPermissions: 0o600]
        )
        guard isWritten else { throw CommandFailure("cannot write \(path)") }
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }
}
