import Foundation
import Testing
import Vault

@testable import CLI

@Suite("Where a passphrase comes from")
struct PassphraseTests {
    private func file(_ text: String, mode: Int = 0o600) throws -> String {
        let path = FileManager.default.temporaryDirectory.path + "/legate-passphrase-\(UUID())"
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: mode]
            )
        else { throw CommandFailure("cannot write \(path)") }
        return path
    }

    @Test(
        "only the first line counts, without its end", arguments: ["open sesame", "open sesame\n", "open sesame\r\nx"])
    func line(text: String) throws {
        #expect(try PassphraseSource.file(file(text)).read() == Secret(Array("open sesame".utf8)))
    }

    @Test("what is empty, too long or not text is refused", arguments: ["", "\n", String(repeating: "x", count: 1025)])
    func refused(text: String) throws {
        let source = PassphraseSource.file(try file(text))
        #expect(throws: ConfigurationError.self) { try source.read() }
    }

    @Test("a missing file is refused by its name")
    func missing() {
        let error = #expect(throws: ConfigurationError.self) { try PassphraseSource.file("/nowhere/passphrase").read() }
        #expect(error?.field == "passphrase-file")
    }

    @Test("a file descriptor is read once, and closed")
    func descriptor() throws {
        let path = try file("open sesame\n")
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        #expect(try PassphraseSource.descriptor(descriptor).read() == Secret(Array("open sesame".utf8)))
        #expect(fcntl(descriptor, F_GETFD) == -1)
    }

    @Test("the descriptor comes before the file, the file before the credential of systemd")
    func order() throws {
        let directory = FileManager.default.temporaryDirectory.path + "/legate-credentials-\(UUID())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let environment = ["CREDENTIALS_DIRECTORY": directory]
        #expect(PassphraseSource.find(file: nil, descriptor: nil, environment: environment) == nil)
        try Data("open sesame".utf8).write(to: URL(fileURLWithPath: directory + "/legate-passphrase"))
        #expect(PassphraseSource.find(file: "f", descriptor: 3, environment: environment) == .descriptor(3))
        #expect(PassphraseSource.find(file: "f", descriptor: nil, environment: environment) == .file("f"))
        #expect(
            PassphraseSource.find(file: nil, descriptor: nil, environment: environment)
                == .file(directory + "/legate-passphrase")
        )
        #expect(PassphraseSource.find(file: nil, descriptor: nil, environment: [:]) == nil)
    }

    @Test("a file that others can read is noticed", arguments: [(0o600, false), (0o640, true), (0o604, true)])
    func readable(mode: Int, isReadable: Bool) throws {
        #expect(PassphraseSource.file(try file("x", mode: mode)).isReadableByOthers == isReadable)
    }
}
