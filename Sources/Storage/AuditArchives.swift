import CZlib
import Foundation
import JOSE
import Vault

/// Archives of the audit trail: gzip files of JSON lines, each closed by a signed checkpoint.
package struct AuditArchives: Sendable {
    let directory: String

    /// One archive, as the database remembers it.
    struct Segment: Sendable {
        let firstSequence: Int64
        let lastSequence: Int64
        let lastHash: [UInt8]
        let lastTimestamp: Int64
        let file: String
        let checkpoint: String
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let unfinished = ".unfinished"

    /// Writes an archive that is on disk, whole and named, when this returns.
    ///
    /// - Returns: the file's name.
    func write(_ records: [AuditRecord], checkpoint: String) throws -> String {
        guard let first = records.first, let last = records.last else { throw Failure(description: "nothing to archive") }
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700]
        )
        let name = "\(padded(first.sequence))-\(padded(last.sequence)).jsonl.gz"
        let temporary = directory + "/" + name + Self.unfinished
        guard let file = unsafe gzopen(temporary, "wbx6") else {
            throw Failure(description: "cannot write \(temporary)")
        }
        var isWhole = true
        for record in records { isWhole = unsafe isWhole && write(record.jsonLine(), to: file) }
        isWhole = unsafe isWhole && write(AuditExport.checkpointLine(checkpoint), to: file)
        guard unsafe gzclose(file) == Z_OK, isWhole else { throw Failure(description: "cannot write \(temporary)") }
        try sync(temporary)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: temporary)
        guard unsafe rename(temporary, directory + "/" + name) == 0 else {
            throw Failure(description: "cannot rename \(temporary)")
        }
        try sync(directory)
        return name
    }

    /// Reads an archive line by line.
    func forEachRecord(in segment: Segment, _ body: (AuditRecord) throws -> Void) throws {
        let path = directory + "/" + segment.file
        guard let file = unsafe gzopen(path, "rb") else { throw Failure(description: "cannot read \(path)") }
        defer { _ = unsafe gzclose(file) }
        var line: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe gzread(file, bytes.baseAddress, UInt32(bytes.count))
            }
            guard count >= 0 else { throw Failure(description: "\(path) is damaged") }
            if count == 0 { break }
            for byte in buffer.prefix(Int(count)) {
                guard byte == 0x0A else {
                    line.append(byte)
                    continue
                }
                if let object = try JSON(parsing: line).object, object["checkpoint"] == nil {
                    try body(try AuditRecord(json: object))
                }
                line.removeAll(keepingCapacity: true)
            }
        }
        guard line.isEmpty else { throw Failure(description: "\(path) ends in the middle of a line") }
    }

    /// What a crash left behind was never recorded, so its records are still in the database.
    func removeUnfinished() throws {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: directory) else { return }
        for name in names where name.hasSuffix(Self.unfinished) {
            try FileManager.default.removeItem(atPath: directory + "/" + name)
        }
    }

    private func write(_ line: [UInt8], to file: gzFile) -> Bool {
        unsafe line.withUnsafeBytes { bytes in
            unsafe gzwrite(file, bytes.baseAddress, UInt32(bytes.count)) == Int32(bytes.count)
        }
    }

    private func sync(_ path: String) throws {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(description: "cannot open \(path)") }
        defer { _ = Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Failure(description: "cannot sync \(path)") }
    }

    private func padded(_ sequence: Int64) -> String {
        let text = String(sequence)
        return String(repeating: "0", count: max(0, 12 - text.utf8.count)) + text
    }
}
