import ArgumentParser
import JOSE

/// How long a task may live: a duration, or `none` to take the limit away.
struct TaskLifeArgument: ExplainedArgument, Equatable, Sendable {
    /// Nil means no limit.
    let seconds: Int?

    static let form = DurationArgument.form + "; or none"

    init?(argument: String) {
        if argument == "none" {
            seconds = nil
        } else if let duration = DurationArgument(argument: argument) {
            seconds = duration.seconds
        } else {
            return nil
        }
    }

    var json: JSON { seconds.map { .integer(Int64($0)) } ?? .null }
}

/// How many tokens a task may take: a number, or `none` to take the limit away.
struct TaskTokensArgument: ExplainedArgument, Equatable, Sendable {
    /// Nil means no limit.
    let count: Int?

    static let form = "a whole number; or none"

    init?(argument: String) {
        if argument == "none" {
            count = nil
        } else if argument.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = Int(argument)
        {
            count = number
        } else {
            return nil
        }
    }

    var json: JSON { count.map { .integer(Int64($0)) } ?? .null }
}
