import Glibc

/// Every address that the system's resolver knows for a host.
enum SystemAddresses {
    /// Blocks until the resolver has answered or given up. An unknown host has no address.
    @Sendable static func all(of host: String) -> [IPAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_protocol = Int32(IPPROTO_TCP)
        var first: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, nil, &hints, &first) == 0 else { return [] }
        defer { unsafe freeaddrinfo(first) }
        var addresses: [IPAddress] = []
        var next = unsafe first
        while let entry = unsafe next {
            if let address = unsafe entry.pointee.ai_addr {
                switch unsafe Int32(entry.pointee.ai_family) {
                case AF_INET:
                    unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { v4 in
                        addresses.append(
                            IPAddress(bytes: unsafe withUnsafeBytes(of: v4.pointee.sin_addr) { unsafe Array($0) }))
                    }
                case AF_INET6:
                    unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { v6 in
                        addresses.append(
                            IPAddress(bytes: unsafe withUnsafeBytes(of: v6.pointee.sin6_addr) { unsafe Array($0) }))
                    }
                default: break
                }
            }
            unsafe next = entry.pointee.ai_next
        }
        return addresses
    }
}
