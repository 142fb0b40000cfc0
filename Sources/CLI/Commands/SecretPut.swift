import ArgumentParser
import JOSE
import OAuth
import Vault

/// `legate secret put`
struct SecretPut: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Keep a secret: a new one with its first value, or a new version of one that is there.",
        discussion: """
            Example:
              legate secret put payments/stripe --from-file stripe.key --reader planner
              vault-of-old read stripe | legate secret put payments/stripe --from-file - \\
                  --if-version 3
              legate secret put db/password --kind generated --rotate-every 12h --grace 1h \\
                  --reader planner
              legate secret put clients/planner --kind client --client planner --reader planner

            The value is never an argument. What is said of a secret that is there already changes it; what is not said \
            stays. Nobody may read a new secret unless --reader names them.

            --kind client replaces the client's secret at once, and the new one is in the vault alone, so --reader is \
            needed. The one before works until the grace is over.
            """
    )

    @Argument(help: "Its name, a path such as payments/stripe.")
    var name: SecretNameArgument

    @OptionGroup var source: SecretSource

    @Option(help: "What it is (default static): a value of yours, or one that Legate makes or gets itself.")
    var kind: SecretKindName?

    @Option(help: ArgumentHelp("The client whose secret it is, for --kind client.", valueName: "id"))
    var client: String?

    @OptionGroup var settings: SecretSettings

    @Option(
        parsing: .upToNextOption, help: ArgumentHelp("Clients that may read it from the vault.", valueName: "client"))
    var reader: [String] = []

    @Option(help: ArgumentHelp("Only if this is the current version; 0: only if there is none.", valueName: "n"))
    var ifVersion: Int?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if let ifVersion, ifVersion < 0 { throw ValidationError("--if-version must be 0 or more") }
        if client != nil, kind != .client { throw ValidationError("--client is for --kind client") }
        if kind == .client, client == nil { throw ValidationError("--kind client needs --client") }
        if let objection = objection(to: kind) { throw ValidationError(objection) }
    }

    /// Why a secret of this kind takes no value; nil when it does, or none is given.
    private func objection(to kind: SecretKindName?) -> String? {
        guard let kind, kind == .oauth || kind == .client, source.fromFile != nil else { return nil }
        return "a secret of kind \(kind.rawValue) makes its value itself: not with --from-file"
    }

    func answer(from server: AdminClient) async throws -> Answer {
        guard let known = try await current(at: server) else { return try await create(at: server) }
        guard known["rules"] != nil else {
            throw CommandFailure("the profile may read \(name), but not change it: that takes the scope secrets:write")
        }
        return try await change(known, at: server)
    }

    /// What is there, looked up in the list: to show what is not there would be a refusal in the audit trail.
    private func current(at server: AdminClient) async throws -> JSONObject? {
        let page = try await server.vault("GET", "secrets", query: [("prefix", name.description), ("limit", "1")])
        // No name that begins so comes before the name itself.
        let first = page.object?["items"]?.array?.first?.object
        return first?["name"]?.string == name.description ? first : nil
    }

    /// The problem type of the vault's API.
    private static let nameIsTaken = "urn:legate:problem:exists"

    private func create(at server: AdminClient) async throws -> Answer {
        if let ifVersion, ifVersion > 0 { throw CommandFailure("there is no \(name), so no version \(ifVersion)") }
        if let client, reader.isEmpty {
            throw CommandFailure(
                "say with --reader who reads it: the secret of \(client) is replaced at once, and only the vault has "
                    + "the new one"
            )
        }
        var document: JSONObject = ["kind": .string((kind ?? .static).rawValue)]
        document.set("client_id", client)
        settings.set(in: &document)
        if !reader.isEmpty { document["rules"] = .array(reader.map { .object(["client_id": .string($0)]) }) }
        if let value = try source.value(of: name, isWanted: kind == nil || kind == .static) { document.set(value) }
        do {
            return Self.answer(made: try await server.vault("PUT", name.path("secrets"), body: document), as: name)
        } catch let refusal as ServerRefusal where refusal.document?["type"]?.string == Self.nameIsTaken {
            throw CommandFailure("somebody else has made \(name) in the meantime: say it again to change theirs")
        }
    }

    /// What became of a new secret: one that makes its values itself has one, or says why not.
    static func answer(made: JSON, as name: SecretNameArgument) -> Answer {
        let secret = made.object ?? [:]
        var answer = Answer.card(made)
        if secret["rules"]?.array?.isEmpty == true {
            answer.note = "nobody may read it yet: legate secret allow \(name)"
        } else if let client = secret["client_id"]?.string {
            let end = secret["previous_secret_expires_at"]?.string.map { "works until \($0)" } ?? "has ended"
            answer.note = Printable.text("the secret that \(client) had until now \(end)")
        }
        if secret["rotation"]?.object != nil, secret["current_version"]?.integer == nil {
            let reason = secret["rotation_state"]?.object?["reason"]?.string
            answer.note = nil
            answer.failure = "\(name) has no value yet: \(reason ?? "it is tried again")"
        }
        return answer
    }

    private func change(_ known: JSONObject, at server: AdminClient) async throws -> Answer {
        let knownKind = known["kind"]?.string.flatMap { SecretKindName(rawValue: $0) }
        if let kind, kind != knownKind {
            throw CommandFailure("\(name) is of another kind, which cannot be changed")
        }
        if let ifVersion {
            let current = known["current_version"]?.integer ?? 0
            guard current == Int64(ifVersion) else {
                throw CommandFailure("the current version of \(name) is \(current), not \(ifVersion)")
            }
        }
        if let objection = objection(to: knownKind) { throw CommandFailure(objection) }
        var patch = JSONObject()
        settings.set(in: &patch)
        let saysMore = !patch.isEmpty || !reader.isEmpty
        let value = try source.value(of: name, isWanted: knownKind == .static && !saysMore)
        if let value, !(1...VaultSecret.longestValue).contains(value.count) {
            throw CommandFailure("the value must be 1 to \(VaultSecret.longestValue) bytes")
        }
        // The value comes last: a refusal of the rest must not leave a new version behind.
        var done: [String] = []
        do {
            if !patch.isEmpty {
                _ = try await server.update(name.path("secrets"), patch, at: .vault)
                done.append("its definition is changed")
            }
            for client in reader {
                try await server.vault("POST", name.path("rules"), body: ["client_id": .string(client)])
                done.append("\(client) may read it")
            }
            if let value {
                var body = JSONObject()
                body.set(value)
                if let ifVersion { body["if_version"] = .integer(Int64(ifVersion)) }
                try await server.vault("PUT", name.path("values"), body: body)
            }
        } catch let refusal as ServerRefusal where !done.isEmpty {
            throw CommandFailure("\(refusal); done before that: \(done.joined(separator: ", "))")
        }
        return .card(try await server.vault("GET", name.path("secrets")))
    }
}
