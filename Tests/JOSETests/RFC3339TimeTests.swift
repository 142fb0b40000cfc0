import JOSE
import Testing

@Suite("RFC 3339 time")
struct RFC3339TimeTests {
    @Test(
        "a time is written as RFC 3339 in UTC with milliseconds, and read back",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"),
            (1, "1970-01-01T00:00:00.001Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_772_357_400_250, "2026-03-01T09:30:00.250Z"),
            (1_798_761_599_999, "2026-12-31T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] as [(Int64, String)])
    func format(milliseconds: Int64, text: String) {
        #expect(RFC3339Time.format(milliseconds) == text)
        #expect(RFC3339Time.parse(text) == milliseconds)
    }

    @Test("every day of 800 years is the day after the one before")
    func calendar() {
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        func two(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
        var day: Int64 = 0
        for year in 1970..<2770 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            for (index, length) in lengths.enumerated() {
                for date in 1...(index == 1 && leap ? length + 1 : length) {
                    let text = "\(year)-\(two(index + 1))-\(two(date))T12:34:56.789Z"
                    let milliseconds = day * 86_400_000 + 45_296_789
                    guard RFC3339Time.format(milliseconds) == text, RFC3339Time.parse(text) == milliseconds else {
                        Issue.record("\(text) is not \(RFC3339Time.format(milliseconds))")
                        return
                    }
                    day += 1
                }
            }
        }
    }

    @Test("a time that the form cannot say is written as the nearest one", arguments: [Int64.min, -1, .max])
    func clamped(milliseconds: Int64) {
        let nearest = milliseconds < 0 ? "1970-01-01T00:00:00.000Z" : "9999-12-31T23:59:59.999Z"
        #expect(RFC3339Time.format(milliseconds) == nearest)
    }

    @Test(
        "only the one form is read",
        arguments: [
            "", "2026-03-01", "2026-03-01T09:30:00Z", "2026-03-01T09:30:00.25Z", "2026-03-01T09:30:00.2500Z",
            "2026-03-01t09:30:00.250Z", "2026-03-01T09:30:00.250z", "2026-03-01 09:30:00.250Z",
            "2026-03-01T09:30:00,250Z", "2026-03-01T09:30:00.250+", "2026-02-29T09:30:00.250Z",
            "2026-02-30T09:30:00.250Z", "2026-04-31T09:30:00.250Z", "2026-00-01T09:30:00.250Z",
            "2026-13-01T09:30:00.250Z", "2026-03-00T09:30:00.250Z", "2026-03-32T09:30:00.250Z",
            "2026-03-01T24:00:00.000Z", "2026-03-01T09:60:00.250Z", "2026-03-01T09:30:60.250Z",
            "1969-12-31T23:59:59.999Z", "0000-01-01T00:00:00.000Z", "2O26-03-01T09:30:00.250Z",
            "-026-03-01T09:30:00.250Z", "2026-03-01T09:30:00.250Z ", "٢٠٢٦-03-01T09:30:00Z",
        ])
    func strict(text: String) {
        #expect(RFC3339Time.parse(text) == nil)
    }
}
