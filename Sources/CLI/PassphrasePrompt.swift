import Foundation
import Vault

/// Asks a person for a passphrase, without showing it; in a pipe it takes the first line of standard input.
enum PassphrasePrompt {
    /// - Parameter isNew: ask twice, as nobody sees what is typed.
    /// - Throws: `CommandFailure` when the terminal would show it, or the two differ.
    static func ask(_ question: String, isNew: Bool = false) throws -> Secret {
        guard isatty(STDIN_FILENO) == 1 else { return try PassphraseSource.file("-").read() }
        let first = try silently(question)
        guard isNew else { return first }
        guard try silently("The same again: ") == first else {
            throw CommandFailure("the two passphrases differ: nothing was changed")
        }
        return first
    }

    private static func silently(_ question: String) throws -> Secret {
        var usual = termios()
        guard unsafe tcgetattr(STDIN_FILENO, &usual) == 0 else { throw CommandFailure("the terminal cannot be read") }
        var silent = usual
        // Nor is it left silent when somebody gives up: an interrupt would end the process right here.
        silent.c_lflag &= ~tcflag_t(ECHO | ISIG)
        guard unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0 else {
            throw CommandFailure("the terminal would show the passphrase: use --passphrase-file")
        }
        defer { _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &usual) }
        try? FileHandle.standardError.write(contentsOf: Data(question.utf8))
        defer { try? FileHandle.standardError.write(contentsOf: Data("\n".utf8)) }
        return try PassphraseSource.file("-").read()
    }
}
