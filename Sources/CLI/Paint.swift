import Foundation

/// Colour for terminals; plain text everywhere else.
struct Paint {
    let isEnabled: Bool

    /// Colour only on a terminal, and not when `NO_COLOR` is set to anything (https://no-color.org).
    static var standardOutput: Paint {
        let refused = ProcessInfo.processInfo.environment["NO_COLOR"].map { !$0.isEmpty } ?? false
        return Paint(isEnabled: isatty(STDOUT_FILENO) == 1 && !refused)
    }

    func bold(_ text: String) -> String { wrap(text, 1) }
    func faint(_ text: String) -> String { wrap(text, 2) }
    func good(_ text: String) -> String { wrap(text, 32) }
    func bad(_ text: String) -> String { wrap(text, 31) }

    private func wrap(_ text: String, _ code: Int) -> String {
        isEnabled ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
