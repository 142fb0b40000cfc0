import OAuth
import Testing

@testable import CLI

@Suite("Durations and times")
struct DurationArgumentTests {
    @Test(
        "a duration is a number and a unit",
        arguments: [("90s", 90), ("15m", 900), ("8h", 28_800), ("30d", 2_592_000), ("0s", 0), ("007m", 420)])
    func durations(text: String, seconds: Int) {
        #expect(DurationArgument(argument: text)?.seconds == seconds)
    }

    @Test(
        "anything else is refused, and nothing overflows",
        arguments: [
            "", "s", "90", "90 s", "-5m", "+5m", "1.5h", "5M", "5w", "1h30m", "٣m", "9223372036854775807s0",
            "9223372036854775807d", "99999999999999999999s",
        ])
    func refused(text: String) {
        #expect(DurationArgument(argument: text) == nil)
    }

    @Test("a token lifetime may be left to the server")
    func lifetime() {
        #expect(TokenLifetimeArgument(argument: "default") == TokenLifetimeArgument(argument: "default"))
        #expect(TokenLifetimeArgument(argument: "default")?.seconds == .some(nil))
        #expect(TokenLifetimeArgument(argument: "60s")?.seconds == 60)
        #expect(TokenLifetimeArgument(argument: "never") == nil)
    }

    @Test(
        "a refused value says what would be accepted",
        arguments: [
            ("secret put x --lease abc", "--lease <duration>", DurationArgument.form),
            ("secret get x --wrap 5", "--wrap <duration>", "a whole number and its unit, such as 90s, 15m, 8h or 30d"),
            ("delegation narrow d1 --expires soon", "--expires <duration>", DurationArgument.form),
            ("client create x --token-ttl 60", "--token-ttl <duration>", TokenLifetimeArgument.form),
            ("client create x --max-task-life 1w", "--max-task-life <duration>", TaskLifeArgument.form),
            ("client create x --max-task-tokens many", "--max-task-tokens <count>", "a whole number; or none"),
            ("audit list --since yesterday", "--since <time>", TimeArgument.form),
            ("client create x --workload nobody", "--workload <issuer=subject>", WorkloadArgument.form),
            ("client create x --exchange-scope a=b", "--exchange-scope <from=to@resource>", ScopeMappingArgument.form),
        ])
    func explained(line: String, option: String, form: String) throws {
        let outcome = try outcome(line)
        #expect(outcome.code == 2)
        #expect(outcome.text.contains("is invalid for '\(option)': must be \(form)"), "\(outcome.text)")
    }

    @Test("a time is RFC 3339 in UTC, or so long ago")
    func times() {
        let now = Timestamp(seconds: 1_795_244_310)
        #expect(TimeArgument("2026-11-21T08:00:00Z", now: now)?.text == "2026-11-21T08:00:00Z")
        #expect(TimeArgument("30s", now: now)?.text == "2026-11-21T06:58:00Z")
        #expect(TimeArgument("2026-11-21", now: now) == nil)
        #expect(TimeArgument("2026-11-21T08:00:00+01:00", now: now) == nil)
        #expect(TimeArgument("9999999d", now: now) == nil)
    }
}
