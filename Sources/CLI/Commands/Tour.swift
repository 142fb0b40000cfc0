import ArgumentParser
import JOSE

/// A guided tour: numbered steps, each with the command that a person could paste and the answer that really came.
///
/// What is shown is what is sent: commands of `legate` are parsed from the shown words, and requests are made of the
/// shown fields.
final class Tour {
    let server: AdminClient
    private let paint: Paint
    private let isQuiet: Bool
    private let write: (String) throws -> Void
    private(set) var steps = 0
    private(set) var failures = 0
    private var hasFailed = false

    init(
        server: AdminClient, paint: Paint, isQuiet: Bool,
        write: @escaping (String) throws -> Void = { try Printer.write($0) }
    ) {
        self.server = server
        self.paint = paint
        self.isQuiet = isQuiet
        self.write = write
    }

    /// Thrown when a step failed that later ones stand on. It has been reported already.
    struct Stopped: Error {}

    /// A field of a form: what is sent, and what is shown in place of a secret.
    struct Field {
        let name: String
        let value: String
        let shown: String

        init(_ name: String, _ value: String, shown: String? = nil) {
            self.name = name
            self.value = value
            self.shown = shown ?? value
        }
    }

    /// Who sends a request.
    struct Party {
        let credentials: Credentials
        /// `ID:$SECRET`, with a variable in place of the secret.
        let shown: String
    }

    // MARK: Steps

    /// One step. What it throws ends the tour; what it merely expects in vain does not.
    func step<Result>(_ sentence: String, _ body: () async throws -> Result) async throws -> Result {
        steps += 1
        hasFailed = false
        try write("\n" + paint.bold("\(steps). \(sentence)") + "\n")
        defer { if hasFailed { failures += 1 } }
        do {
            return try await body()
        } catch let closed as OutputClosed {
            throw closed
        } catch {
            hasFailed = true
            try line(paint.bad("✗ \(Printable.text("\(error)"))"))
            throw Stopped()
        }
    }

    /// Checks that the step did what it says.
    func expect(_ isTrue: Bool, _ claim: String) throws {
        if !isTrue { hasFailed = true }
        try line(isTrue ? paint.good("✓ \(claim)") : paint.bad("✗ this should be so, but is not: \(claim)"))
    }

    /// Says something between the lines, such as what takes long.
    func note(_ text: String) throws { if !isQuiet { try line(paint.faint(text)) } }

    /// The last line.
    var summary: String { "\(steps) steps, \(steps - failures) ok" }

    // MARK: Commands

    /// Shows a command of `legate` and runs it.
    ///
    /// - Parameter members: which members of the answer to show; nil for all.
    @discardableResult
    func legate(_ words: String..., showing members: [String]? = nil) async throws -> JSONObject {
        try show(command: ["legate"] + words)
        guard let command = try Legate.parseAsRoot(words) as? any RemoteCommand else {
            throw CommandFailure("legate \(words.joined(separator: " ")) is not a command of the tour")
        }
        let json = try await command.answer(from: server).json ?? .null
        try show(json, only: members)
        return json.object ?? [:]
    }

    /// Shows and runs a command that must be refused.
    func refusedLegate(_ words: String...) async throws -> ServerRefusal {
        try show(command: ["legate"] + words)
        guard let command = try Legate.parseAsRoot(words) as? any RemoteCommand else {
            throw CommandFailure("legate \(words.joined(separator: " ")) is not a command of the tour")
        }
        do {
            _ = try await command.answer(from: server)
        } catch let refusal as ServerRefusal {
            try show(refusal.document.map(JSON.object) ?? .null)
            return refusal
        }
        throw CommandFailure("this should have been refused")
    }

    /// Shows a form as a curl command, and posts it.
    func post(_ endpoint: String, as party: Party, _ fields: [Field]) async throws -> JSONObject {
        try show(command: curl(endpoint, as: party, fields))
        let form = fields.map { (name: $0.name, value: $0.value) }
        let answer = try await server.post(to: endpoint, form, as: party.credentials)
        try show(answer)
        return answer.object ?? [:]
    }

    /// Shows and posts a form that must be refused.
    func refused(_ endpoint: String, as party: Party, _ fields: [Field]) async throws -> ServerRefusal {
        do {
            _ = try await post(endpoint, as: party, fields)
        } catch let refusal as ServerRefusal {
            try show(refusal.document.map(JSON.object) ?? .null)
            return refusal
        }
        throw CommandFailure("this should have been refused")
    }

    private func curl(_ endpoint: String, as party: Party, _ fields: [Field]) -> [String] {
        var words = ["curl", "-s", "-u", party.shown, endpoint]
        for field in fields {
            let pair = "\(field.name)=\(field.shown)"
            words += [pair.contains(" ") ? "--data-urlencode" : "-d", pair]
        }
        return words
    }

    // MARK: Showing

    func show(command words: [String]) throws {
        if !isQuiet { try lines("$ " + Shell.command(words)) }
    }

    func show(_ json: JSON, only members: [String]? = nil) throws {
        if !isQuiet, !json.isNull { try lines(Excerpt(json, only: members).text) }
    }

    func show(text: String) throws { if !isQuiet { try lines(text) } }

    private func lines(_ text: String) throws {
        for part in text.split(separator: "\n", omittingEmptySubsequences: false) {
            try line(Printable.text(String(part)))
        }
    }

    private func line(_ text: String) throws { try write(text.isEmpty ? "\n" : "   \(text)\n") }
}
