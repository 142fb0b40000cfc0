import OAuth
import Testing

@Suite("RFC 3339 times")
struct RFC3339Tests {
    @Test(
        "known times are written as they should be",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (951_782_399_000, "2000-02-28T23:59:59Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"), (1_709_164_800_000, "2024-02-29T00:00:00Z"),
            (1_772_366_400_000, "2026-03-01T12:00:00Z"), (1_772_366_400_007, "2026-03-01T12:00:00.007Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"), (4_107_542_400_000, "2100-03-01T00:00:00Z"),
            (253_402_300_799_000, "9999-12-31T23:59:59Z"),
        ] as [(Int64, String)]
    )
    func known(milliseconds: Int64, text: String) {
        let time = Timestamp(milliseconds: milliseconds)
        #expect(RFC3339.text(time) == text)
        #expect(RFC3339.time(text) == time)
    }

    @Test("every day of four hundred years comes back")
    func allDays() {
        for day in stride(from: Int64(0), to: 146_097, by: 1) {
            let time = Timestamp(seconds: day * 86_400 + 86_399)
            guard RFC3339.time(RFC3339.text(time)) == time else {
                Issue.record("day \(day) is written as \(RFC3339.text(time))")
                return
            }
        }
    }

    @Test("fractions of any length are read, cut to milliseconds")
    func fractions() {
        #expect(RFC3339.time("1970-01-01T00:00:00.5Z")?.milliseconds == 500)
        #expect(RFC3339.time("1970-01-01T00:00:00.123456789Z")?.milliseconds == 123)
        #expect(RFC3339.time("1970-01-01T00:00:00.0009Z")?.milliseconds == 0)
    }

    @Test(
        "what is not a UTC time is refused",
        arguments: [
            "", "Z", "2026-03-01", "2026-03-01T12:00:00", "2026-03-01T12:00:00+00:00", "2026-03-01 12:00:00Z",
            "2026-03-01t12:00:00Z", "2026-03-01T12:00:00z", "2026-02-29T00:00:00Z", "2026-00-01T00:00:00Z",
            "2026-13-01T00:00:00Z", "2026-04-31T00:00:00Z", "2026-03-00T00:00:00Z", "2026-03-01T24:00:00Z",
            "2026-03-01T12:60:00Z", "2026-03-01T12:00:60Z", "2026-03-01T12:00:00.Z", "1969-12-31T23:59:59Z",
            "2026-03-01T12:00:00.1234567890Z", "2026-3-1T12:00:00ZZZZ", "２０２６-03-01T12:00:00Z",
        ]
    )
    func refused(text: String) { #expect(RFC3339.time(text) == nil) }
}

@Suite("Timestamps")
struct TimestampTests {
    @Test("seconds are rounded down on both sides of 1970")
    func seconds() {
        #expect(Timestamp(milliseconds: 1999).seconds == 1)
        #expect(Timestamp(milliseconds: -1).seconds == -1)
        #expect(Timestamp(milliseconds: -1000).seconds == -1)
    }

    @Test("arithmetic at the edges is clamped, never trapped on")
    func edges() {
        #expect(Timestamp(seconds: .max).milliseconds == .max)
        #expect(Timestamp(seconds: .min).milliseconds == .min)
        #expect(Timestamp(milliseconds: .max).adding(seconds: 1).milliseconds == .max)
        #expect(Timestamp(milliseconds: 0).adding(seconds: .max).milliseconds == .max)
    }
}
