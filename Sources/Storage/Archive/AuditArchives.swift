import FoundationEssentials
import JOSE
import OAuth
import Vault

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The directory of archived records: gzip files of JSON lines, each closed by a signed checkpoint.
///
/// A file has its name only when it is whole and on disk.
struct AuditArchives: Sendable {
    let directory: String

    private static let ending = ".jsonl.gz"
    private static let unfinished = ".unfinished"

    func path(of file: String) -> String { directory + "/" + file }

    // MARK: Writing

    /// Writes an archive.
    ///
    /// - Parameters:
    ///   - chunk: gives the records from a number on, in order, and none after `last`.
    /// - Returns: what the database has to remember of it.
    /// - Throws: `StorageError.cannotArchive` when a record is missing, or the checkpoint is not of the last one.
    func write(
        from first: Int64, to last: Int64, checkpoint: String, _ chunk: (Int64) throws -> [AuditRecord]
    ) throws -> AuditArchiveRecord {
        guard let attested = try? AuditCheckpoint(unverified: checkpoint) else {
            throw StorageError.cannotArchive("the checkpoint cannot be read")
        }
        try DataDirectory.make(directory)
        let file = "\(Self.padded(first))-\(Self.padded(last))\(Self.ending)"
        let temporary = path(of: file + Self.unfinished)
        try remove(temporary)
        do {
            let ends = try fill(temporary, from: first, to: last, checkpoint: checkpoint, chunk)
            guard attested.head == AuditHead(sequence: last, hash: ends.lastHash) else {
                throw StorageError.cannotArchive("the checkpoint is of another record than the last")
            }
            // One that a crash left was removed at the start; whatever this is, it must not be lost.
            guard unsafe access(path(of: file), F_OK) != 0 else {
                throw StorageError.cannotArchive("\(path(of: file)) exists")
            }
            guard unsafe rename(temporary, path(of: file)) == 0 else { throw StorageError.last("rename", temporary) }
            try DataDirectory.synchronize(directory)
            return AuditArchiveRecord(
                firstSequence: first, lastSequence: last, firstPreviousHash: ends.firstPreviousHash,
                lastHash: ends.lastHash, latestTimestamp: ends.latestTimestamp, file: file, checkpoint: checkpoint,
                createdAt: Timestamp(seconds: attested.issuedAt)
            )
        } catch {
            try remove(temporary)
            throw error
        }
    }

    private struct Ends {
        var firstPreviousHash: [UInt8] = []
        var lastHash: [UInt8] = []
        var latestTimestamp = Int64.min
    }

    private func fill(
        _ path: String, from first: Int64, to last: Int64, checkpoint: String, _ chunk: (Int64) throws -> [AuditRecord]
    ) throws -> Ends {
        var writer = try GzipWriter(path: path)
        var ends = Ends()
        var next = first
        while next <= last {
            let records = try chunk(next)
            if records.isEmpty { throw StorageError.cannotArchive("record \(next) is missing") }
            for record in records {
                guard record.sequence == next else { throw StorageError.cannotArchive("record \(next) is missing") }
                if next == first { ends.firstPreviousHash = record.previousHash }
                ends.lastHash = record.hash
                ends.latestTimestamp = max(ends.latestTimestamp, record.event.timestamp)
                try writer.write(record.jsonLine())
                next += 1
            }
        }
        try writer.write(AuditExport.checkpointLine(checkpoint))
        try writer.finish()
        return ends
    }

    // MARK: Reading

    /// Calls `body` with the records of an archive in order, until it returns false.
    ///
    /// - Parameter marks: records whose line lacks one of these are passed over unread.
    /// - Throws: `StorageError.malformedArchive` when the file is not what was written. Whether the records are right is
    ///   for `AuditVerifier` to say.
    func forEachRecord(
        in archive: AuditArchiveRecord, containing marks: [[UInt8]] = [], _ body: (AuditRecord) throws -> Bool
    ) throws {
        func damaged(_ problem: String) -> StorageError { .malformedArchive(file: archive.file, problem: problem) }
        guard !archive.file.contains("/") else { throw damaged("its name is a path") }
        var reader = try GzipReader(path: path(of: archive.file), file: archive.file)
        var next = archive.firstSequence
        while next <= archive.lastSequence {
            guard let line = try reader.nextLine() else { throw damaged("record \(next) is missing") }
            if marks.allSatisfy(line.contains(run:)) {
                guard let record = Self.record(line) else { throw damaged("record \(next) cannot be read") }
                guard record.sequence == next else { throw damaged("record \(next) is missing") }
                guard try body(record) else { return }
            }
            next += 1
        }
        guard let end = try reader.nextLine(),
            end + [UInt8(ascii: "\n")] == AuditExport.checkpointLine(archive.checkpoint)
        else { throw damaged("it does not end with its checkpoint") }
        guard try reader.nextLine() == nil else { throw damaged("something follows its checkpoint") }
    }

    private static func record(_ line: [UInt8]) -> AuditRecord? {
        (try? JSON(parsing: line))?.object.flatMap { try? AuditRecord(json: $0) }
    }

    // MARK: After a crash

    /// Removes the files that were not finished.
    func removeUnfinished() throws {
        for file in try files() where file.hasSuffix(Self.unfinished) { try remove(path(of: file)) }
    }

    /// Finished archives that the database does not know, with the last record of each.
    func unknown(to known: Set<String>) throws -> [(file: String, last: AuditHead)] {
        try files().filter { $0.hasSuffix(Self.ending) && !known.contains($0) }.compactMap { file in
            var reader = try GzipReader(path: path(of: file), file: file)
            var last: AuditHead?
            while let line = try? reader.nextLine() {
                if let record = Self.record(line) { last = AuditHead(sequence: record.sequence, hash: record.hash) }
            }
            return last.map { (file, $0) }
        }
    }

    func remove(_ path: String) throws(StorageError) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw .last("remove", path) }
    }

    private func files() throws -> [String] {
        guard FileManager.default.fileExists(atPath: directory) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: directory)
    }

    /// Ten digits, so that names sort like numbers for a long time.
    private static func padded(_ sequence: Int64) -> String {
        let text = String(sequence)
        return String(repeating: "0", count: max(0, 10 - text.utf8.count)) + text
    }
}

extension [UInt8] {
    /// Whether the bytes of `run` lie somewhere in these, one behind the other.
    fileprivate func contains(run: [UInt8]) -> Bool {
        guard let first = run.first, run.count <= count else { return run.isEmpty }
        var start = 0
        let end = count - run.count
        while start <= end, let found = self[start...end].firstIndex(of: first) {
            if self[found..<(found + run.count)].elementsEqual(run) { return true }
            start = found + 1
        }
        return false
    }
}
