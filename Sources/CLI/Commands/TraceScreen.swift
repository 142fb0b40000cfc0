import JOSE

/// The answer to "who authorised this, and what was the chain of custody", on one screen.
struct TraceScreen {
    private let trace: JSONObject
    private let token: JSONObject
    private let delegation: JSONObject?
    /// The clients that had a hand in it, by id.
    private let clients: [String: JSONObject]

    init(_ trace: JSONObject) {
        self.trace = trace
        token = trace["token"]?.object ?? [:]
        delegation = trace["delegation"]?.object
        clients = Dictionary(
            (trace["clients"]?.array ?? []).compactMap(\.object).compactMap { client in
                client["client_id"]?.string.map { ($0, client) }
            }
        ) { first, _ in first }
    }

    var text: String {
        [head, authority, custody, endings].filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }
            .joined(separator: "\n\n")
    }

    // MARK: The token

    private var head: [String] {
        let status = (trace["status"]?.string ?? "unknown").uppercased()
        var pairs: [(String, String?)] = [
            ("for", field(token, "resource")), ("scope", field(token, "scope_granted")),
        ]
        pairs += allowed(by: token)
        pairs.append(("on behalf of", subject))
        pairs.append(("held by", holder(of: token)))
        pairs.append(("task", field(token, "task_id")))
        pairs.append(("session", field(token, "session_id")))
        pairs.append(("issued", issued))
        return ["Token \(field(trace, "jti") ?? "-") is \(Printable.text(status))"] + rows(pairs)
    }

    private var subject: String {
        if let user = field(token, "delegating_user") { return "\(user) (a user)" }
        let first = trace["chain"]?.array?.first?.object ?? token
        return "\(field(first, "client_id") ?? "-") (the client itself)"
    }

    private var issued: String? {
        guard let time = field(token, "timestamp") else { return nil }
        guard let life = token["token_ttl"]?.integer else { return time }
        return "\(time), for \(life) s"
    }

    // MARK: Who authorised it

    private var authority: [String] {
        guard let delegation else {
            guard let holder = field(token, "client_id"), let client = clients[holder] else { return [] }
            return ["Who authorised it: the operator who registered the client"] + registration(of: client)
        }
        let user = delegation["subject"]?.object ?? [:]
        let named = [field(user, "sub"), field(user, "iss").map { "of \($0)" }].compactMap { $0 }.joined(separator: " ")
        var pairs: [(String, String?)] = [
            (
                "delegation",
                [field(delegation, "delegation_id"), field(delegation, "status")]
                    .compactMap { $0 }.joined(separator: ", ")
            ),
            ("to", field(delegation, "client_id")), ("purpose", field(delegation, "purpose")),
            ("scopes", list(delegation, "scopes")), ("resources", list(delegation, "resources")),
        ]
        pairs += allowed(by: delegation)
        pairs.append(("may act too", list(delegation, "may_act")))
        pairs.append(("until", field(delegation, "expires_at")))
        pairs.append(("recorded", origin(of: delegation["created"]?.object)))
        return ["Who authorised it: \(named.isEmpty ? field(token, "delegating_user") ?? "a user" : named)"]
            + rows(pairs)
    }

    // MARK: Chain of custody

    private var custody: [String] {
        let chain = (trace["chain"]?.array ?? []).compactMap(\.object)
        guard !chain.isEmpty else { return [] }
        var lines = ["Chain of custody"]
        var described: Set<String> = []
        for (index, record) in chain.enumerated() {
            let what = field(record, "event") == "token.exchanged" ? "exchanged for" : "issued for"
            lines.append(
                "  \(index + 1). \(field(record, "timestamp") ?? "-")  \(holder(of: record))  \(what) "
                    + "\(field(record, "resource") ?? "-")  [\(field(record, "scope_granted") ?? "")]"
            )
            var details = [("jti", field(record, "jti"))]
            details += allowed(by: record)
            if let id = field(record, "client_id"), let client = clients[id], described.insert(id).inserted {
                details.append(("client", description(of: client)))
                details.append(("recorded", origin(of: client["registered"]?.object)))
            }
            details.append(("reason", field(record, "request_context").map { "“\($0)”" }))
            details.append(("allowed by", rule(of: record)))
            lines += rows(details, indent: 5)
        }
        return lines
    }

    private func holder(of record: JSONObject) -> String {
        field(record, "agent_id") ?? field(record, "client_id") ?? "-"
    }

    private func rule(of record: JSONObject) -> String? {
        guard let evaluation = record["policy_evaluation"]?.object else { return nil }
        let words = [field(evaluation, "rule"), field(evaluation, "reason")].compactMap { $0 }
        return words.isEmpty ? nil : words.joined(separator: ": ")
    }

    private func description(of client: JSONObject) -> String {
        var words = [field(client, "name") ?? field(client, "client_id") ?? "-"]
        if let owner = field(client, "owner") { words.append("owner \(owner)") }
        if let purpose = field(client, "purpose") { words.append("for \(purpose)") }
        if client["enabled"]?.bool == false { words.append("disabled") }
        return words.joined(separator: ", ")
    }

    private func registration(of client: JSONObject) -> [String] {
        rows([("client", description(of: client)), ("recorded", origin(of: client["registered"]?.object))])
    }

    // MARK: What ended it

    private var endings: [String] {
        let records = (trace["revocations"]?.array ?? []).compactMap(\.object)
        guard !records.isEmpty else { return [] }
        return ["What ended it"]
            + Table.align(
                records.map { record in
                    [
                        "  " + (field(record, "timestamp") ?? "-"), field(record, "event") ?? "-",
                        field(record, "target") ?? "-",
                        "by \(field(record, "client_id") ?? "-")"
                            + (field(record, "request_context").map { " “\($0)”" } ?? ""),
                    ]
                }
            ).split(separator: "\n").map(String.init)
    }

    // MARK: Words

    /// When, by whom, and in which record.
    private func origin(of record: JSONObject?) -> String? {
        guard let record else { return nil }
        var words = [field(record, "timestamp") ?? "-"]
        if let client = field(record, "client_id") { words.append("by \(client)") }
        if let sequence = record["seq"]?.integer { words.append("(record \(sequence))") }
        return words.joined(separator: " ")
    }

    private func field(_ object: JSONObject, _ name: String) -> String? {
        object[name]?.string.flatMap { $0.isEmpty ? nil : Printable.text($0) }
    }

    private func list(_ object: JSONObject, _ name: String) -> String? {
        let words = (object[name]?.array ?? []).compactMap(\.string)
        return words.isEmpty ? nil : Printable.text(words.joined(separator: " "))
    }

    /// The authorization details of a token or a delegation (RFC 9396), one a line.
    private func allowed(by object: JSONObject) -> [(String, String?)] {
        (object["authorization_details"]?.array ?? []).enumerated().map { index, details in
            (index == 0 ? "details" : "", Printable.text(details.text))
        }
    }

    private func rows(_ pairs: [(String, String?)], indent: Int = 2) -> [String] {
        let known = pairs.compactMap { pair in pair.1.map { [pair.0, $0] } }
        let margin = String(repeating: " ", count: indent)
        return Table.align(known).split(separator: "\n").map { margin + $0 }
    }
}
