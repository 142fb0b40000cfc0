/// The one way in which Legate writes a time: RFC 3339, UTC, with milliseconds, such as `2026-03-01T09:30:00.250Z`, or
/// whole seconds without a fraction.
///
/// Written by hand because it is part of what every audit record's hash covers: it has to be exact, stable and fast.
package enum RFC3339Time {
    /// The last millisecond of the year 9999, the last one that the form can say.
    static let last: Int64 = 253_402_300_799_999
    private static let millisecondsPerDay: Int64 = 86_400_000

    /// Formats milliseconds since 1970. What lies before 1970 or after 9999 is written as the nearest time within.
    package static func format(_ milliseconds: Int64) -> String {
        let clamped = min(max(milliseconds, 0), last)
        let (days, ofDay) = clamped.quotientAndRemainder(dividingBy: millisecondsPerDay)
        let (year, month, day) = date(ofDay: days)
        return unsafe String(unsafeUninitializedCapacity: 24) { buffer in
            var position = 0
            func put(_ value: Int64, digits: Int, then mark: Unicode.Scalar) {
                var rest = value
                for offset in (0..<digits).reversed() {
                    unsafe buffer[position + offset] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
                    rest /= 10
                }
                unsafe buffer[position + digits] = UInt8(ascii: mark)
                position += digits + 1
            }
            put(year, digits: 4, then: "-")
            put(month, digits: 2, then: "-")
            put(day, digits: 2, then: "T")
            put(ofDay / 3_600_000, digits: 2, then: ":")
            put(ofDay / 60_000 % 60, digits: 2, then: ":")
            put(ofDay / 1_000 % 60, digits: 2, then: ".")
            put(ofDay % 1_000, digits: 3, then: "Z")
            return position
        }
    }

    /// Reads exactly what `format` writes, into milliseconds since 1970; anything else is `nil`.
    package static func parse(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 24 else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[range] {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            let millisecond = number(20..<23), (1...12).contains(month)
        else { return nil }
        let milliseconds =
            days(toYear: year, month: month, day: day) * millisecondsPerDay + hour * 3_600_000 + minute * 60_000
            + second * 1_000 + millisecond
        // Writing it again finds every wrong mark, the 30th of February and the 25th hour.
        return format(milliseconds) == text ? milliseconds : nil
    }

    /// Formats whole seconds since 1970, such as `2026-03-01T09:30:00Z`.
    package static func format(seconds: Int64) -> String {
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        return String(format(overflow ? (seconds < 0 ? 0 : last) : milliseconds).dropLast(5)) + "Z"
    }

    /// Reads exactly what `format(seconds:)` writes.
    package static func parse(seconds text: String) -> Int64? {
        guard text.utf8.count == 20, text.hasSuffix("Z") else { return nil }
        return parse(String(text.dropLast()) + ".000Z").map { $0 / 1000 }
    }

    // Both count in years that begin in March, so that the leap day is the last of its year, and in eras of 400 years,
    // after which the calendar repeats.

    private static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, ofEra) = (day + 719_468).quotientAndRemainder(dividingBy: 146_097)
        let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let march = (5 * ofYear + 2) / 153
        let month = march < 10 ? march + 3 : march - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, ofYear - (153 * march + 2) / 5 + 1)
    }

    private static func days(toYear year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + ofYear - 719_468
    }
}
