import Foundation
import OAuth
import Testing

@testable import CLI

@Suite("Configuration")
struct ConfigurationTests {
    private func file(_ text: String) throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("legate-\(UUID()).json").path
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    @Test("flags come before the environment, the environment before the file, the file before defaults")
    func order() async throws {
        let file = try file(#"{"listen": "127.0.0.1:3", "data": "/from-file", "audit-retention-records": 5000}"#)
        let environment = ["LEGATE_LISTEN": "127.0.0.1:2", "LEGATE_ROOT_KEY": "/from-environment"]
        let read = try await LegateConfiguration.read(
            flags: ["listen": "127.0.0.1:1"], environment: environment, file: file
        )
        #expect(read.port == 1)
        #expect(read.rootKey == "/from-environment")
        #expect(read.data == "/from-file")
        #expect(read.auditRetention.records == 5000)
        #expect(read.issuer == nil)
        #expect(try await LegateConfiguration.read(flags: [:], environment: environment, file: file).port == 2)
        #expect(try await LegateConfiguration.read(flags: [:], environment: [:], file: file).port == 3)
        #expect(try await LegateConfiguration.read(flags: [:], environment: [:], file: nil).port == 8080)
    }

    @Test(
        "what is wrong is refused with the field's name",
        arguments: [
            ("issuer", #"{"issuer": "http://auth.example.com"}"#), ("issuer", #"{"issuer": "https://a.example/?x"}"#),
            ("listen", #"{"listen": "8080"}"#), ("listen", #"{"listen": "h:70000"}"#),
            ("tls-key", #"{"tls-certificate": "a"}"#),
            ("audit-retention-age", #"{"audit-retention-age": "soon"}"#),
            ("audit-retention-records", #"{"audit-retention-records": 5}"#),
            ("key-rotation", #"{"key-rotation": "899s"}"#), ("key-rotation", #"{"key-rotation": "367d"}"#),
            ("key-rotation", #"{"key-rotation": "always"}"#),
            ("status-list-ttl", #"{"status-list-ttl": "0s"}"#),
            ("max-connections", #"{"max-connections": 15}"#), ("max-connections", #"{"max-connections": "many"}"#),
            ("max-connections-per-address", #"{"max-connections-per-address": 0}"#),
            ("head-timeout", #"{"head-timeout": "31s"}"#), ("idle-timeout", #"{"idle-timeout": "0s"}"#),
            ("status-list-ttl", #"{"status-list-ttl": "301s"}"#),
            ("dpop-nonce", #"{"dpop-nonce": "yes"}"#),
            ("colour", #"{"colour": "red"}"#), ("data", #"{"data": true}"#), ("config", "[]"), ("config", "{"),
        ]
    )
    func refused(field: String, text: String) async throws {
        let file = try file(text)
        let error = await #expect(throws: ConfigurationError.self) {
            _ = try await LegateConfiguration.read(flags: [:], environment: [:], file: file)
        }
        #expect(error?.field == field)
    }

    @Test("Docs/Configuration.md is what the options say")
    func reference() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(contentsOf: root.appendingPathComponent("Docs/Configuration.md"), encoding: .utf8)
        #expect(page == LegateConfiguration.reference)
    }
}
