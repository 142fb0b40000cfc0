import Foundation

/// A file that has its name only when it is whole and on disk, readable by its owner alone.
struct NewFile {
    let path: String
    let temporary: String
    private let handle: FileHandle
    /// Bytes that were written.
    private(set) var count: Int64 = 0

    /// - Throws: `CommandFailure` when there is something at the path, or nothing can be written there.
    init(path: String) throws(CommandFailure) {
        guard !FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure("\(path) exists: name a new file")
        }
        temporary = path + ".unfinished"
        let descriptor = unsafe open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure(
                errno == EEXIST
                    ? "\(temporary) exists: another backup is writing there, or one broke off; remove it"
                    : "cannot create \(temporary)"
            )
        }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        self.path = path
    }

    mutating func write(_ bytes: [UInt8]) throws(CommandFailure) {
        do {
            try handle.write(contentsOf: Data(bytes))
        } catch {
            throw CommandFailure("cannot write \(temporary): \(error.localizedDescription)")
        }
        count += Int64(bytes.count)
    }

    /// Gives the file its name, when all of it is on disk.
    func keep() throws(CommandFailure) {
        do {
            try handle.synchronize()
            try handle.close()
        } catch {
            throw CommandFailure("cannot write \(temporary): \(error.localizedDescription)")
        }
        guard !FileManager.default.fileExists(atPath: path), unsafe rename(temporary, path) == 0 else {
            throw CommandFailure("cannot create \(path)")
        }
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = fsync(descriptor)
        _ = close(descriptor)
    }

    /// Removes what was written, unless it was kept.
    func discard() { _ = unsafe unlink(temporary) }
}
