internal import JOSE

/// What a backup holds: files by name and size. It is the first part of the encrypted content; the files follow in its
/// order, one behind the other.
package struct BackupManifest: Sendable, Equatable {
    /// A file of the data directory.
    package struct File: Sendable, Equatable {
        /// Its path within the data directory: `legate.db`, or `audit/NAME`.
        package let name: String
        /// Bytes.
        package let size: Int64

        package init(name: String, size: Int64) {
            self.name = name
            self.size = size
        }

        /// Whether a restore may write a file of this name: never one that leads out of the directory.
        var isAcceptable: Bool {
            let parts = name.split(separator: "/", omittingEmptySubsequences: false)
            let allowed = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.".utf8)
            guard size >= 0, (1...2).contains(parts.count), name.utf8.count <= 255 else { return false }
            return parts.allSatisfy { part in
                !part.isEmpty && !part.hasPrefix(".") && part.utf8.allSatisfy(allowed.contains)
            } && (parts.count == 1 ? name == Self.database : parts[0] == Self.archives)
        }

        static let database = "legate.db"
        static let archives = "audit"
    }

    /// The database's name; it is the first file.
    package static let database = File.database
    /// The folder of the audit trail's archives.
    package static let archives = File.archives

    package let files: [File]

    package init(files: [File]) { self.files = files }

    /// Bytes of the whole content: the manifest with its length in front, and the files. Nil when that is more than a
    /// number can say.
    package var contentSize: Int64? {
        var total = Int64(encoded.count)
        for file in files {
            let (sum, overflow) = total.addingReportingOverflow(file.size)
            guard !overflow else { return nil }
            total = sum
        }
        return total
    }

    /// The manifest as it is written: its length in 4 bytes, and JSON.
    package var encoded: [UInt8] {
        let files = files.map { JSON.object(["name": .string($0.name), "size": .integer($0.size)]) }
        let document: JSONObject = ["files": .array(files)]
        var bytes: [UInt8] = []
        let text = document.serialized
        bytes.append(bigEndian: UInt32(clamping: text.count))
        return bytes + text
    }

    /// Bytes that the JSON may have: some 100,000 files.
    package static let longest = 16 << 20

    /// Reads the JSON.
    ///
    /// - Throws: `BackupError.malformedContent` when it names no database first, or a file that a restore must not write.
    package init(parsing bytes: [UInt8]) throws(BackupError) {
        guard let json = try? JSON(parsing: bytes, limits: JSONLimits(values: 1_000_000)),
            let items = json.object?["files"]?.array
        else { throw .malformedContent("its list of files cannot be read") }
        var files: [File] = []
        var names: Set<String> = []
        for item in items {
            guard let name = item.object?["name"]?.string, let size = item.object?["size"]?.integer else {
                throw .malformedContent("its list of files cannot be read")
            }
            let file = File(name: name, size: size)
            guard file.isAcceptable, names.insert(name).inserted else {
                throw .malformedContent("it names a file that does not belong there")
            }
            files.append(file)
        }
        guard files.first?.name == Self.database else { throw .malformedContent("the database is missing") }
        self.files = files
    }
}
