import ArgumentParser
import Foundation
import JOSE

/// How answers are written.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// For people.
    case table
    /// Exactly the admin API's JSON, for programs.
    case json

    /// A table on a terminal, JSON in a pipe.
    static var usual: OutputFormat { isatty(STDOUT_FILENO) == 1 ? .table : .json }
}

/// What a command has to say.
struct Answer {
    /// For programs; nil when there is nothing to tell but that it is done.
    var json: JSON?
    /// For people.
    var text: String
    /// A hint for people, apart from the answer.
    var note: String?
    /// Why the exit code is 1 although there is an answer.
    var failure: String?

    init(_ json: JSON?, text: String, note: String? = nil, failure: String? = nil) {
        self.json = json
        self.text = text
        self.note = note
        self.failure = failure
    }

    /// An object of the registry, one member a line.
    static func card(_ json: JSON, note: String? = nil) -> Answer {
        Answer(json, text: Table.card(json), note: note)
    }

    /// A page of a list, one item a line.
    static func list(_ json: JSON, _ columns: [Table.Column]) -> Answer {
        let items = json.object?["items"]?.array ?? []
        let next = json.object?["next"]?.string
        return Answer(
            json, text: Table.list(items, columns), note: next.map { "more follow: --cursor \(Printable.text($0))" }
        )
    }

    /// Something is done and leaves nothing to show.
    static func done(_ sentence: String) -> Answer { Answer(nil, text: "", note: sentence) }
}

/// Writes answers: to standard output what was asked for, to standard error everything else.
struct Printer {
    let format: OutputFormat
    let isQuiet: Bool

    func print(_ answer: Answer) throws {
        switch format {
        case .json:
            if let json = answer.json { try Self.write(json.pretty() + "\n") }
        case .table:
            if !answer.text.isEmpty { try Self.write(answer.text + "\n") }
            if let note = answer.note { self.note(note) }
        }
        if let failure = answer.failure { throw CommandFailure(failure) }
    }

    /// A hint, on standard error.
    func note(_ text: String) {
        guard !isQuiet else { return }
        try? FileHandle.standardError.write(contentsOf: Data("legate: \(text)\n".utf8))
    }

    static func write(_ text: String) throws(OutputClosed) { try write(Array(text.utf8)) }

    static func write(_ bytes: [UInt8]) throws(OutputClosed) {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(bytes))
        } catch {
            throw OutputClosed()
        }
    }
}

/// Whoever read our output has gone: there is nobody left to tell.
struct OutputClosed: Error {}

/// Text from a server on its way to a terminal.
enum Printable {
    /// The text without anything that would steer a terminal or hide a part of it: control characters and those that
    /// change the direction of writing become `�`.
    static func text(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isDangerous) else { return text }
        var safe = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { safe.append(isDangerous(scalar) ? "\u{FFFD}" : scalar) }
        return String(safe)
    }

    private static func isDangerous(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
