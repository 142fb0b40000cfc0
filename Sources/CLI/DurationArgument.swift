import ArgumentParser
import OAuth

/// A length of time on the command line: `90s`, `15m`, `8h`, `30d`.
struct DurationArgument: ExplainedArgument, Equatable, Sendable {
    let seconds: Int

    static let form = "a whole number and its unit, such as 90s, 15m, 8h or 30d"

    init(seconds: Int) { self.seconds = seconds }

    /// Nil unless the text is a whole number and one unit, and its seconds fit.
    init?(argument: String) {
        let scale: Int
        switch argument.utf8.last {
        case UInt8(ascii: "s"): scale = 1
        case UInt8(ascii: "m"): scale = 60
        case UInt8(ascii: "h"): scale = 3600
        case UInt8(ascii: "d"): scale = 86_400
        default: return nil
        }
        let digits = argument.utf8.dropLast()
        guard !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = Int(argument.dropLast())
        else { return nil }
        let (seconds, overflow) = number.multipliedReportingOverflow(by: scale)
        guard !overflow else { return nil }
        self.seconds = seconds
    }

    /// As a default is shown in the help.
    var defaultValueDescription: String { "\(seconds)s" }

    static var defaultCompletionKind: CompletionKind { .list(["90s", "15m", "8h", "30d"]) }
}

/// The lifetime of tokens: a duration, or `default` to leave it to the server.
struct TokenLifetimeArgument: ExplainedArgument, Equatable, Sendable {
    /// Nil means the server's default.
    let seconds: Int?

    static let form = DurationArgument.form + "; or default"

    init?(argument: String) {
        if argument == "default" {
            seconds = nil
        } else if let duration = DurationArgument(argument: argument) {
            seconds = duration.seconds
        } else {
            return nil
        }
    }

    /// Refuses what the server would, in the words of the option: it takes durations, the API seconds.
    func validate() throws {
        guard let seconds, !(1...TokenLifetime.ceiling).contains(seconds) else { return }
        throw ValidationError("--token-ttl must be a duration from 1s to \(TokenLifetime.ceiling / 60)m, or default")
    }
}
