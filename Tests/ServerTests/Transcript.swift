import Foundation
import HTTPTypes
import JOSE
import Support
import Testing

/// A conversation over HTTP, whole, compared with the one on file.
///
/// What differs from run to run (random names, keys, signatures) stands as `{a name for it}`; everything else is there
/// to the letter: status line, every header, the body, and the claims of every token that was handed out. The files in
/// `Transcripts` so document the wire. `LEGATE_RECORD=1` writes them anew.
struct Transcript {
    private let name: String
    private var text = ""
    private var tokens: [String] = []

    init(_ name: String) { self.name = name }

    private static let isRecording = ProcessInfo.processInfo.environment["LEGATE_RECORD"] == "1"
    private static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Transcripts/"

    /// Adds a request and its answer. `note` says what it is about.
    @discardableResult
    mutating func add(_ note: String, _ exchange: HTTPExchange) -> HTTPExchange {
        var lines = ["### \(note)", ""]
        let question = exchange.question
        lines.append("\(question.method.rawValue) \(redact(question.path)) HTTP/1.1")
        for (name, value) in question.headers { lines.append("\(name): \(redactHeader(name, value))") }
        if let body = question.body {
            lines += ["", body.count > 2000 ? "{\(body.count) bytes}" : show(body)]
        }
        let answer = exchange.answer
        lines += ["", "HTTP/1.1 \(answer.status.code) \(answer.status.reasonPhrase)"]
        for field in answer.headers {
            lines.append("\(field.name.rawName): \(redactHeader(field.name.rawName, field.value))")
        }
        if !answer.body.isEmpty { lines += ["", show(answer.body)] }
        text += lines.joined(separator: "\n") + "\n\n"
        return exchange
    }

    /// Compares with the file, or writes it.
    func check(sourceLocation: SourceLocation = #_sourceLocation) throws {
        var whole = text
        for (index, token) in tokens.enumerated() {
            let jwt = try UnverifiedJWT(token)
            let header = String(decoding: Base64URL.decode(String(token.prefix { $0 != "." })) ?? [], as: UTF8.self)
            whole +=
                "### {token \(index + 1)}\n\n\(plainRedact(header))\n\(plainRedact(JSON.object(jwt.claims).pretty()))\n\n"
        }
        whole = String(whole.dropLast())
        let path = Self.directory + name + ".http"
        if Self.isRecording {
            try Data(whole.utf8).write(to: URL(fileURLWithPath: path))
            return
        }
        let expected = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
        guard whole != expected else { return }
        let left = expected.split(separator: "\n", omittingEmptySubsequences: false)
        let right = whole.split(separator: "\n", omittingEmptySubsequences: false)
        let place =
            zip(left, right).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? min(left.count, right.count)
        let was = place < left.count ? String(left[place]) : "(the end)"
        let isNow = place < right.count ? String(right[place]) : "(the end)"
        Issue.record("\(name).http:\(place + 1)\n  was: \(was)\n  now: \(isNow)", sourceLocation: sourceLocation)
    }

    // MARK: What differs from run to run

    private mutating func show(_ body: [UInt8]) -> String {
        if let json = try? JSON(parsing: body), json.object != nil { return redact(json.pretty()) }
        return redact(String(decoding: body, as: UTF8.self))
    }

    private mutating func redactHeader(_ name: String, _ value: String) -> String {
        switch name.lowercased() {
        case "x-request-id": "{request id}"
        case "authorization", "legate-gateway-authorization":
            value.lowercased().hasPrefix("basic ") ? "Basic {credentials}" : redact(value)
        case "etag", "if-none-match": Self.words(of: value).map { $0.count == 22 ? "{digest}" : $0 }.joined()
        default: redact(value)
        }
    }

    private mutating func redact(_ text: String) -> String {
        Self.words(of: text).map { word in
            guard word.hasPrefix("eyJ"), word.count(where: { $0 == "." }) == 2 else { return Self.named(word) }
            if let index = tokens.firstIndex(of: word) { return "{token \(index + 1)}" }
            tokens.append(word)
            return "{token \(tokens.count)}"
        }.joined()
    }

    private func plainRedact(_ text: String) -> String { Self.words(of: text).map(Self.named).joined() }

    /// Runs of the characters that names are made of, and what is between them.
    private static func words(of text: String) -> [String] {
        var words: [String] = []
        var current = ""
        var isWord = false
        for scalar in text.unicodeScalars {
            let belongs =
                scalar.isASCII
                && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                    || "-_.".unicodeScalars.contains(scalar))
            if belongs != isWord, !current.isEmpty {
                words.append(current)
                current = ""
            }
            isWord = belongs
            current.unicodeScalars.append(scalar)
        }
        return words + [current]
    }

    /// Without i, l, o and u, which every long word has.
    private static let alphabet = Set("0123456789abcdefghjkmnpqrstvwxyz")

    private static func named(_ word: String) -> String {
        func isRandom(_ text: Substring, _ count: Int) -> Bool {
            text.count == count && text.allSatisfy(alphabet.contains)
        }
        for (prefix, name) in [("dlg_", "delegation"), ("rule_", "rule"), ("client_", "client")]
        where word.hasPrefix(prefix) {
            if isRandom(word.dropFirst(prefix.count), 26) { return "{\(name) id}" }
        }
        if word.hasPrefix("lease_"), isRandom(word.dropFirst(6), 32) { return "{lease id}" }
        if word.hasPrefix("legate_cs_") { return "{secret}" }
        if isRandom(word[...], 32), word.contains(where: { $0 > "f" }) { return "{jti}" }
        if isRandom(word[...], 16) { return "{request id}" }
        if word.count == 43, Base64URL.decode(word) != nil { return "{32 bytes}" }
        return word
    }
}
