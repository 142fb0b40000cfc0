/// One value of a secret, sealed.
package struct SecretVersion: Sendable, Equatable {
    /// From 1; a number is never given twice.
    package let number: Int
    package var state: State
    /// Empty once it is destroyed.
    package var box: [UInt8]
    package let createdAt: Timestamp
    /// When it cannot be read any more. Nil for as long as nothing supersedes it with a grace.
    package var readableUntil: Timestamp?

    package enum State: String, Sendable, CaseIterable {
        /// Made, but not announced yet: whoever must put it in place may read it by its number.
        case pending
        case live
        /// Cannot be read; `undelete` brings it back.
        case deleted
        /// The value is gone for good.
        case destroyed
    }

    package init(
        number: Int, state: State = .live, box: [UInt8], createdAt: Timestamp, readableUntil: Timestamp? = nil
    ) {
        self.number = number
        self.state = state
        self.box = box
        self.createdAt = createdAt
        self.readableUntil = readableUntil
    }
}
