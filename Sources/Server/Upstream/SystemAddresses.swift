import Glibc

/// Every address that the system's resolver knows for a host. Blocks.
///
/// One is enough to connect to, but a name that also has a private one is not to be trusted.
enum SystemAddresses {
    static func all(of host: String) throws -> [IPAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, nil, &hints, &first) == 0 else { return [] }
        defer { unsafe freeaddrinfo(first) }
        var addresses: [IPAddress] = []
        var next = unsafe first
        while let entry = unsafe next {
            if let address = unsafe entry.pointee.ai_addr {
                switch unsafe Int32(address.pointee.sa_family) {
                case AF_INET:
                    unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { v4 in
                        unsafe addresses.append(
                            IPAddress(bytes: withUnsafeBytes(of: v4.pointee.sin_addr) { unsafe Array($0) }))
                    }
                case AF_INET6:
                    unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { v6 in
                        unsafe addresses.append(
                            IPAddress(bytes: withUnsafeBytes(of: v6.pointee.sin6_addr) { unsafe Array($0) }))
                    }
                default: break
                }
            }
            unsafe next = entry.pointee.ai_next
        }
        return addresses
    }
}
