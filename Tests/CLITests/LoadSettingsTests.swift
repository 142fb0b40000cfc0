import Server
import Testing

@testable import CLI

@Suite("How many connections, and how patient")
struct LoadSettingsTests {
    private func limits(_ values: [String: String] = [:]) throws -> ConnectionLimits {
        try LoadSettings { name in
            values[name] ?? LoadSettings.options.first { $0.name == name }?.fallback
        }.limits
    }

    @Test("without a word there are the usual ones")
    func usual() throws {
        #expect(try limits() == ConnectionLimits())
        #expect(try limits().perAddress == 9001)
    }

    @Test("one address never has more than all together")
    func perAddress() throws {
        let values = ["max-connections": "100", "max-connections-per-address": "500", "idle-timeout": "2m"]
        let limits = try limits(values)
        #expect(limits.connections == 100)
        #expect(limits.perAddress == 100)
        #expect(limits.idleSeconds == 120)
    }

    @Test("fewer open files mean fewer connections")
    func files() throws {
        let limits = try limits()
        #expect(OpenFileLimit.fit(limits, into: nil) == limits)
        #expect(OpenFileLimit.fit(limits, into: 1_000_000) == limits)
        let fitted = OpenFileLimit.fit(limits, into: 1024)
        #expect(fitted.connections == 768)
        #expect(fitted.perAddress == 768)
        #expect(OpenFileLimit.fit(limits, into: 10).connections == 16)
    }
}
