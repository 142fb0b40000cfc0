/// How much a JSON text may hold, so that a hostile one costs little (RFC 8259, 9).
package struct JSONLimits: Sendable, Equatable {
    /// How many arrays and objects may be open at once.
    package let depth: Int
    /// How many values there may be in the whole text.
    package let values: Int

    /// The parser and whoever walks the value use the stack in proportion to the depth, so it has an upper bound.
    static let greatestDepth = 256

    /// - Parameter depth: more than 256 counts as 256.
    package init(depth: Int = 32, values: Int = 100_000) {
        self.depth = min(depth, Self.greatestDepth)
        self.values = values
    }

    /// 32 levels and 100 000 values.
    package static let `default` = JSONLimits()
}
