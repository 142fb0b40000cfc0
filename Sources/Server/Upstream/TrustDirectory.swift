import Glibc
import NIOPosix
import OAuth

/// The one directory whose files an operator may name as keys of others: whoever runs the machine decides what lies
/// there. Links are followed, for that is how mounted volumes change their files all at once.
struct TrustDirectory: Sendable {
    let path: String

    /// The bytes of a file, read on a thread that may block.
    func read(_ file: TrustFile, maximumBytes: Int) async throws -> [UInt8] {
        let path = path + "/" + file.text
        return try await NIOThreadPool.singleton.runIfActive {
            try Self.read(path, name: file.text, maximumBytes: maximumBytes)
        }
    }

    private static func read(_ path: String, name: String, maximumBytes: Int) throws(FetchError) -> [UInt8] {
        // Nothing that could make the reader wait is waited for.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw FetchError("the file \(name) cannot be opened: error \(errno)") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { memory in
                unsafe Glibc.read(descriptor, memory.baseAddress, memory.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FetchError("the file \(name) cannot be read: error \(errno)") }
            if count == 0 { return bytes }
            guard count <= maximumBytes - bytes.count else {
                throw FetchError("the file \(name) is larger than \(maximumBytes) bytes")
            }
            bytes.append(contentsOf: buffer.prefix(count))
        }
    }
}
