import CZlib

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Reads a gzip file line by line, in bounded memory.
@safe struct GzipReader: ~Copyable {
    private let file: String
    private let stream: gzFile
    private var buffer = [UInt8](repeating: 0, count: 65_536)
    private var filled = 0..<0

    /// No line that we write comes near it.
    private static let longestLine = 8 << 20

    /// - Parameter file: the name for messages.
    init(path: String, file: String) throws(StorageError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            throw errno == ENOENT ? .malformedArchive(file: file, problem: "it is missing") : .last("read", path)
        }
        guard let stream = unsafe gzdopen(descriptor, "rb") else {
            close(descriptor)
            throw .last("read", path)
        }
        self.file = file
        unsafe self.stream = unsafe stream
    }

    deinit { _ = unsafe gzclose(stream) }

    /// The next line without its newline, nil at the end.
    ///
    /// - Throws: `StorageError.malformedArchive` when the file is no gzip file, was cut or altered.
    mutating func nextLine() throws(StorageError) -> [UInt8]? {
        var line: [UInt8] = []
        while true {
            if filled.isEmpty { try fill() }
            if filled.isEmpty {
                guard line.isEmpty else { throw damaged("it ends in the middle of a line") }
                return nil
            }
            let end = buffer[filled].firstIndex(of: UInt8(ascii: "\n"))
            line.append(contentsOf: buffer[filled.lowerBound..<(end ?? filled.upperBound)])
            filled = (end.map { $0 + 1 } ?? filled.upperBound)..<filled.upperBound
            if end != nil { return line }
            guard line.count <= Self.longestLine else { throw damaged("it has a line without end") }
        }
    }

    private mutating func fill() throws(StorageError) {
        let count = unsafe buffer.withUnsafeMutableBytes { memory in
            unsafe gzread(stream, memory.baseAddress, UInt32(truncatingIfNeeded: memory.count))
        }
        guard count >= 0, unsafe gzdirect(stream) == 0 else { throw damaged("it is not compressed as we do it") }
        if count == 0 {
            // zlib gives what there is, and says only here that more was promised.
            var code = Z_OK
            _ = unsafe gzerror(stream, &code)
            guard code == Z_OK || code == Z_STREAM_END else { throw damaged("it is cut off") }
        }
        filled = 0..<Int(count)
    }

    private func damaged(_ problem: String) -> StorageError { .malformedArchive(file: file, problem: problem) }
}
