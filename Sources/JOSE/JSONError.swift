/// Why a text is not JSON that Legate accepts, and where it stops being so. It repeats nothing of the text.
package struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong, as part of a sentence.
    package let reason: String
    /// How many bytes of the text come before the place.
    package let offset: Int

    package init(reason: String, offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package var description: String { "not valid JSON: \(reason) at byte \(offset)" }
}
