import ArgumentParser
import Foundation
import OAuth

/// A moment on the command line: an RFC 3339 time in UTC, or a duration that means so long ago.
struct TimeArgument: ExplainedArgument, Equatable, Sendable {
    /// RFC 3339, UTC.
    let text: String

    static let form = "a time in UTC such as 2026-11-21T08:00:00Z; or, for so long ago, " + DurationArgument.form

    init?(argument: String) {
        self.init(argument, now: .current)
    }

    init?(_ argument: String, now: Timestamp) {
        if RFC3339.time(argument) != nil {
            text = argument
        } else if let ago = DurationArgument(argument: argument), Int64(ago.seconds) <= now.seconds {
            text = RFC3339.text(Timestamp(seconds: now.seconds - Int64(ago.seconds)))
        } else {
            return nil
        }
    }
}

extension Timestamp {
    /// What the clock of this machine says.
    static var current: Timestamp {
        Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    }
}
