import Glibc
import NIOCore
import Server
import Testing

@Suite("Where the server cannot listen")
struct ListenFaultTests {
    private func fault(_ error: any Error, host: String = "127.0.0.1") -> ListenFault? {
        ListenFault(error, option: "mtls-listen", host: host, port: 8443)
    }

    @Test("the option, the address and the reason are named")
    func named() {
        let taken = IOError(errnoCode: EADDRINUSE, reason: "bind")
        #expect(fault(taken)?.description == "--mtls-listen 127.0.0.1:8443: the address is in use already")
        #expect(fault(taken, host: "::1")?.description.hasPrefix("--mtls-listen [::1]:8443: ") == true)
    }

    @Test(
        "the usual reasons are told in words",
        arguments: [
            (EADDRNOTAVAIL, "does not have the address"), (EACCES, "CAP_NET_BIND_SERVICE"), (EPERM, "errno 1"),
        ])
    func reasons(code: CInt, words: String) {
        #expect(fault(IOError(errnoCode: code, reason: "bind"))?.description.contains(words) == true)
    }

    @Test("a host without an address is no mystery")
    func unknownHost() throws {
        // No host name has an empty label: nobody is asked for it.
        let error = #expect(throws: SocketAddressError.UnknownHost.self) {
            _ = try SocketAddress.makeAddressResolvingHost("a..b", port: 1)
        }
        #expect(fault(try #require(error))?.description.hasSuffix("the host is not known") == true)
    }

    @Test("another failure stays what it is")
    func other() {
        #expect(fault(CancellationError()) == nil)
    }
}
