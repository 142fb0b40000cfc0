/// A point in time: milliseconds since 1970 UTC, as the audit trail keeps it. Tokens carry whole seconds.
package struct Timestamp: Hashable, Sendable, Comparable {
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Whole seconds; a time too large for milliseconds is clamped, never trapped on.
    package init(seconds: Int64) {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        milliseconds = overflow ? (seconds < 0 ? .min : .max) : product
    }

    /// NumericDate (RFC 7519 section 2), rounded down.
    package var seconds: Int64 {
        milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000
    }

    package func adding(seconds: Int) -> Timestamp {
        let (product, overflowed) = Int64(seconds).multipliedReportingOverflow(by: 1000)
        let (sum, overflow) = milliseconds.addingReportingOverflow(product)
        return Timestamp(milliseconds: overflow || overflowed ? .max : sum)
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }
}

/// The clock, handed in as a function so that tests can hold it still.
package typealias Now = @Sendable () -> Timestamp
