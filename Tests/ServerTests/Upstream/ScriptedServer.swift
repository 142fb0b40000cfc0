import Dispatch
import Glibc
import Synchronization

/// A server on loopback that answers every request as a test says, byte by byte, as no well-behaved server would.
final class ScriptedServer: Sendable {
    /// The other end of one request.
    struct Connection: Sendable {
        fileprivate let descriptor: Int32

        /// False when the client has gone.
        @discardableResult
        func send(_ text: String) -> Bool {
            let bytes = Array(text.utf8)
            return unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) == $0.count
            }
        }

        func answer(_ status: String, _ headers: [String] = [], body: String = "") {
            let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers
            send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
        }
    }

    /// What outlives the server in the thread that accepts.
    private final class Log: Sendable {
        let requests = Mutex<[String]>([])
    }

    private struct CannotListen: Error { let number: Int32 }

    let port: UInt16
    private let descriptor: Int32
    private let log: Log

    /// The heads of the requests so far.
    var requests: [String] { log.requests.withLock { $0 } }

    init(on host: String = "127.0.0.1", answer: @escaping @Sendable (Connection) -> Void) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw CannotListen(number: errno) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = unsafe inet_addr(host)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isOpen = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe bind(descriptor, pointer, length) == 0 && listen(descriptor, 16) == 0
                    && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard isOpen else {
            close(descriptor)
            throw CannotListen(number: errno)
        }
        self.descriptor = descriptor
        port = UInt16(bigEndian: address.sin_port)
        let log = Log()
        self.log = log
        DispatchQueue(label: "scripted server").async {
            while true {
                let client = accept(descriptor, nil, nil)
                guard client >= 0 else { break }
                DispatchQueue.global().async {
                    let head = Self.head(from: client)
                    if !head.isEmpty {
                        log.requests.withLock { $0.append(head) }
                        answer(Connection(descriptor: client))
                    }
                    close(client)
                }
            }
            close(descriptor)
        }
    }

    deinit { shutdown(descriptor, Int32(SHUT_RDWR)) }

    private static func head(from client: Int32) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !String(decoding: bytes, as: UTF8.self).contains("\r\n\r\n"), bytes.count < 65_536 {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(client, $0.baseAddress, $0.count, 0) }
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
