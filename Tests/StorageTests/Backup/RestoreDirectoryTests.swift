import FoundationEssentials
import Support
import Testing
import Vault

@testable import Storage

@Suite("Where a backup is put in place")
struct RestoreDirectoryTests {
    private let directory: TemporaryDirectory
    private var data: String { directory.path + "/data" }

    init() throws { directory = try TemporaryDirectory() }

    private func names(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    private func write(_ text: String, to path: String) throws {
        try FileManager.default.createDirectory(
            atPath: DataDirectory.split(path).directory, withIntermediateDirectories: true)
        #expect(FileManager.default.createFile(atPath: path, contents: Data(text.utf8)))
    }

    /// The content of a backup as it comes out of the opener.
    private func content(_ files: [(name: String, text: String)]) -> [UInt8] {
        let manifest = BackupManifest(files: files.map { .init(name: $0.name, size: Int64($0.text.utf8.count)) })
        return manifest.encoded + files.flatMap { Array($0.text.utf8) }
    }

    private func unpack(_ content: [UInt8], piece: Int) throws -> [BackupManifest.File] {
        let restore = try RestoreDirectory(path: data)
        var unpacker = BackupUnpacker(folder: restore.folder)
        for start in stride(from: 0, to: content.count, by: piece) {
            try unpacker.take(Array(content[start..<min(start + piece, content.count)]))
        }
        return try unpacker.finish()
    }

    private static let files = [
        (name: "legate.db", text: "the database"), (name: "audit/1.gz", text: ""), (name: "audit/2.gz", text: "two"),
    ]

    @Test("files come out as they went in, whatever the pieces; empty ones too", arguments: [1, 3, 7, 4096])
    func unpacking(piece: Int) throws {
        let files = try unpack(content(Self.files), piece: piece)
        #expect(files.map(\.name) == Self.files.map(\.name))
        let folder = data + "/restoring/"
        #expect(FileManager.default.contents(atPath: folder + "legate.db") == Data("the database".utf8))
        #expect(FileManager.default.contents(atPath: folder + "audit/1.gz") == Data())
        #expect(FileManager.default.contents(atPath: folder + "audit/2.gz") == Data("two".utf8))
    }

    @Test("a content that is cut, or goes on behind its last file, is refused", arguments: [5, 4096])
    func cut(piece: Int) {
        let whole = content(Self.files)
        for length in [0, 3, 20, whole.count - 1] {
            #expect(throws: BackupError.self) { try unpack(Array(whole.prefix(length)), piece: piece) }
        }
        #expect(throws: BackupError.self) { try unpack(whole + [0], piece: piece) }
    }

    @Test("everything is in place, and nothing else")
    func place() throws {
        let restore = try RestoreDirectory(path: data)
        try write("db", to: restore.database)
        try write("", to: restore.folder + "/legate.lock")
        try write("", to: restore.database + "-wal")
        try write("x", to: restore.folder + "/audit/1.gz")
        try restore.place()
        #expect(try names(data) == ["audit", "legate.db"])
        #expect(try names(data + "/audit") == ["1.gz"])
    }

    @Test("a directory with anything in it is left alone", arguments: ["legate.db", "notes.txt", "audit/1.gz"])
    func occupied(_ name: String) throws {
        try write("mine", to: data + "/" + name)
        #expect(throws: StorageError.self) { try RestoreDirectory(path: data) }
        #expect(FileManager.default.contents(atPath: data + "/" + name) == Data("mine".utf8))
    }

    @Test("what a restore left behind that was cut short is no hindrance")
    func again() throws {
        try write("half", to: data + "/restoring/legate.db")
        try write("x", to: data + "/audit/1.gz")
        let restore = try RestoreDirectory(path: data)
        #expect(try names(data) == ["restoring"])
        #expect(try names(restore.folder) == [])
    }

    @Test("to give up leaves nothing")
    func discard() throws {
        let restore = try RestoreDirectory(path: data)
        try write("db", to: restore.database)
        restore.discard()
        #expect(try names(data) == [])
    }
}
