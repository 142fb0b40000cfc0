/// What a check of the trail found.
package struct AuditReport: Sendable, Equatable {
    /// Whether nothing was found wrong.
    package var valid: Bool { problem == nil }
    /// How many records were read.
    package var records = 0
    /// The number of the first record that was read; an export need not start at 1.
    package var first: Int64?
    /// The number of the last record that was read.
    package var last: Int64?
    /// The number of the first record that is altered, missing or out of place, when that can be said.
    package var firstBad: Int64?
    /// What is wrong, in one sentence; `nil` when nothing is.
    package var problem: String?
    /// Whether the end is attested by a checkpoint, and how far that was checked.
    package var checkpoint = Checkpoint.absent

    package init() {}

    /// How far the checkpoint at the end was checked.
    package enum Checkpoint: String, Sendable, Equatable {
        /// There is none.
        case absent
        /// It agrees with the records, but no keys were given to check its signature.
        case unverified
        /// It agrees with the records, and its signature is good.
        case verified
    }

    /// Keeps the first problem: what follows from it says nothing new.
    mutating func note(_ problem: String, firstBad: Int64? = nil) {
        guard self.problem == nil else { return }
        self.problem = problem
        self.firstBad = firstBad
    }
}
