/// What one guess at a passphrase costs, in the parameters of Argon2id (RFC 9106, section 3.1).
///
/// Stored beside the salt, so that it can be raised later. A stored cost outside `memory`, `passRange` or `laneRange` is
/// refused before any work: a lower one makes guessing cheap, a higher one makes a start impossible.
package struct Argon2Cost: Sendable, Equatable {
    /// KiB of memory.
    package let memoryKiB: Int
    /// Passes over that memory.
    package let passes: Int
    /// Lanes that could be filled side by side. One thread fills them all: whoever guesses gains nothing by it.
    package let lanes: Int

    /// The second recommended option of RFC 9106, section 4: 64 MiB and 3 passes. It fits into a small container.
    package static let standard = Argon2Cost(known: 65_536, 3, 4)

    /// KiB: from the least that OWASP's password storage guide accepts up to 1 GiB.
    package static let memory = 19_456...1_048_576
    package static let passRange = 2...64
    package static let laneRange = 1...16

    private init(known memoryKiB: Int, _ passes: Int, _ lanes: Int) {
        self.memoryKiB = memoryKiB
        self.passes = passes
        self.lanes = lanes
    }

    /// - Throws: `VaultError.costOutOfRange` naming the first parameter that is not acceptable.
    package init(memoryKiB: Int, passes: Int, lanes: Int = Argon2Cost.standard.lanes) throws(VaultError) {
        guard Self.memory.contains(memoryKiB) else { throw .costOutOfRange("memory in KiB", Self.memory) }
        guard Self.passRange.contains(passes) else { throw .costOutOfRange("passes", Self.passRange) }
        guard Self.laneRange.contains(lanes) else { throw .costOutOfRange("lanes", Self.laneRange) }
        self.init(known: memoryKiB, passes, lanes)
    }
}
