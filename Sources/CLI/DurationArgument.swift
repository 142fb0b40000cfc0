import ArgumentParser

/// A duration on the command line: `90s`, `15m`, `8h`, `30d`.
struct DurationArgument: ExpressibleByArgument, Sendable, Equatable {
    /// Whole seconds.
    let seconds: Int

    init?(argument: String) {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = argument.last.flatMap({ units[$0] }), let number = Int(argument.dropLast()), number >= 0,
            argument.dropLast().allSatisfy(\.isWholeNumber)
        else { return nil }
        let (seconds, overflow) = number.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        self.seconds = seconds
    }
}
