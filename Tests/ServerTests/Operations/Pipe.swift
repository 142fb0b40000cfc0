import Dispatch
import Glibc

/// A pipe to write log lines into, and what came out of it.
struct Pipe: Sendable {
    let input: Int32
    private let output: Int32

    private struct CannotOpen: Error {}

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard unsafe ends.withUnsafeMutableBufferPointer({ unsafe pipe($0.baseAddress) }) == 0 else {
            throw CannotOpen()
        }
        (output, input) = (ends[0], ends[1])
    }

    /// Starts to read; the lines come when `finish` has closed the other end.
    func reading() -> Task<[String], Never> {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        // At once, and on a thread of its own: whoever fills the pipe may keep all others busy.
        DispatchQueue(label: "pipe").async {
            for line in rest() { continuation.yield(line) }
            continuation.finish()
        }
        return Task { await stream.reduce(into: []) { $0.append($1) } }
    }

    /// No more is written.
    func finish() { close(input) }

    private func rest() -> [String] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(output, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        close(output)
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// Whether something can be read within that time.
    func hasBytes(withinMilliseconds time: Int32) -> Bool {
        var wanted = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&wanted, 1, time) == 1
    }
}
