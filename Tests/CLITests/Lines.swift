import ArgumentParser
import Testing

@testable import CLI

/// Parses a command line as a shell would hand it over. Words are separated by spaces; `'…'` holds spaces together.
func parsed<Command: ParsableCommand>(_ line: String, as type: Command.Type = Command.self) throws -> Command {
    let command = try Legate.parseAsRoot(words(line))
    return try #require(command as? Command, "\(line) is \(command)")
}

/// How the process would end if this line, or what it throws, were all.
func outcome(_ line: String) throws -> Outcome {
    do {
        _ = try Legate.parseAsRoot(words(line))
    } catch {
        return Outcome(of: error)
    }
    throw NotRefused(line: line)
}

struct NotRefused: Error {
    let line: String
}

func words(_ line: String) -> [String] {
    var words: [String] = []
    for (index, part) in line.split(separator: "'", omittingEmptySubsequences: false).enumerated() {
        if index.isMultiple(of: 2) {
            words += part.split(separator: " ").map(String.init)
        } else {
            words.append(String(part))
        }
    }
    return words
}
