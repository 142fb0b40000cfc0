import Testing

@testable import Vault

@Suite("What a backup holds")
struct BackupManifestTests {
    @Test("a manifest comes back as it was written")
    func roundTrip() throws {
        let manifest = BackupManifest(files: [
            .init(name: "legate.db", size: 4096), .init(name: "audit/0000000001-0000000009.jsonl.gz", size: 0),
        ])
        let encoded = manifest.encoded
        #expect(try BackupManifest(parsing: Array(encoded.dropFirst(4))) == manifest)
        #expect(manifest.contentSize == Int64(encoded.count) + 4096)
    }

    @Test(
        "attack: a backup writes a file outside the data directory",
        arguments: [
            "../x", "/etc/passwd", "audit/../x", "audit//x", "audit/.x", "audit/", "other/x", "audit/a/b", "admin.json",
            "",
            "audit/a\\u0000b", "legate.db/x",
        ]
    )
    func outside(_ name: String) {
        let json = #"{"files":[{"name":"legate.db","size":1},{"name":"\#(name)","size":1}]}"#
        #expect(throws: BackupError.self) { try BackupManifest(parsing: Array(json.utf8)) }
    }

    @Test(
        "the database comes first, once, and sizes are sizes",
        arguments: [
            #"{"files":[]}"#, #"{"files":[{"name":"audit/x","size":1}]}"#,
            #"{"files":[{"name":"legate.db","size":-1}]}"#,
            #"{"files":[{"name":"legate.db","size":1},{"name":"legate.db","size":1}]}"#,
            #"{"files":[{"name":"legate.db"}]}"#,
            #"[]"#, "",
        ]
    )
    func malformed(_ json: String) {
        #expect(throws: BackupError.self) { try BackupManifest(parsing: Array(json.utf8)) }
    }

    @Test("sizes that come to more than a number can say are refused, not added")
    func overflow() {
        let manifest = BackupManifest(files: [
            .init(name: "legate.db", size: .max), .init(name: "audit/x", size: .max),
        ])
        #expect(manifest.contentSize == nil)
    }
}
