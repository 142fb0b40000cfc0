/// Commands as a person could paste them.
enum Shell {
    /// The widest line before a command is broken into several.
    static let width = 100

    /// A word quoted for a shell when it needs to be. `$NAME` in an otherwise plain word stays a variable.
    static func word(_ text: String) -> String {
        guard !text.isEmpty else { return "''" }
        if text.contains("$"), text.utf8.allSatisfy({ isPlain($0) || $0 == UInt8(ascii: "$") }) { return "\"\(text)\"" }
        return text.utf8.allSatisfy(isPlain) ? text : "'" + text.replacing("'", with: "'\\''") + "'"
    }

    /// One line when it fits, else one line for the command and one for each long option with its values.
    static func command(_ words: [String]) -> String {
        let quoted = words.map(word)
        let line = quoted.joined(separator: " ")
        if line.count <= width { return line }
        var lines: [String] = []
        for (plain, quoted) in zip(words, quoted) {
            if lines.isEmpty || breaksBefore(plain) {
                lines.append(quoted)
            } else {
                lines[lines.count - 1] += " " + quoted
            }
        }
        return lines.joined(separator: " \\\n    ")
    }

    /// Long options, and the data of curl.
    private static func breaksBefore(_ word: String) -> Bool { word.hasPrefix("--") || word == "-d" }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~:/@=,+%".utf8.contains(byte)
        }
    }
}
