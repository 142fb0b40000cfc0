import Glibc
import NIOCore

/// Why the server cannot listen where it was told to.
package struct ListenFault: Error, Equatable, CustomStringConvertible {
    /// The option that named the address.
    package let option: String
    package let host: String
    package let port: Int
    private let reason: String

    /// - Returns: nil when the error is no failure to listen.
    package init?(_ error: any Error, option: String, host: String, port: Int) {
        switch error {
        case let error as IOError: reason = Self.reason(error.errnoCode)
        case is SocketAddressError.UnknownHost: reason = "the host is not known"
        default: return nil
        }
        self.option = option
        self.host = host
        self.port = port
    }

    package var description: String {
        "--\(option) \(host.contains(":") ? "[\(host)]" : host):\(port): \(reason)"
    }

    private static func reason(_ code: CInt) -> String {
        switch code {
        case EADDRINUSE: "the address is in use already"
        case EADDRNOTAVAIL: "this machine does not have the address"
        case EACCES: "the process may not listen there; ports below 1024 need the capability CAP_NET_BIND_SERVICE"
        case EAFNOSUPPORT: "this machine does not speak this version of IP"
        case EMFILE, ENFILE: "there are too many open files"
        default: "the system does not allow it (errno \(code))"
        }
    }
}
