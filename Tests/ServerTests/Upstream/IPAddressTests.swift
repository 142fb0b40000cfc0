import Testing

@testable import Server

@Suite("What an address may be reached for")
struct IPAddressTests {
    @Test(
        "global unicast addresses are global",
        arguments: [
            "1.1.1.1", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0", "126.255.255.255",
            "128.0.0.1", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.0.1",
            "192.169.0.1", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700:4700::1111",
            "2a00:1450:4001:80b::200e", "2001:200::1", "2001:db7::1", "2003::1", "3ffe:ffff::1",
        ])
    func global(_ text: String) throws {
        #expect(try #require(IPAddress(text)).reach == .global)
    }

    @Test(
        "RFC 1918 and RFC 4193 are private networks",
        arguments: [
            "10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255", "fc00::1",
            "fd12:3456:789a::1", "fdff:ffff::1",
        ])
    func privateNetwork(_ text: String) throws {
        #expect(try #require(IPAddress(text)).reach == .privateNetwork)
    }

    @Test("loopback is loopback", arguments: ["127.0.0.1", "127.255.255.255", "127.1.2.3", "::1"])
    func loopback(_ text: String) throws {
        #expect(try #require(IPAddress(text)).reach == .loopback)
    }

    @Test(
        "link-local, multicast, unspecified, shared, reserved and documentation addresses are never reached",
        arguments: [
            "0.0.0.0", "0.1.2.3", "100.64.0.0", "100.100.100.200", "100.127.255.255", "169.254.0.1", "169.254.169.254",
            "168.63.129.16", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255",
            "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
            "::", "fe80::1", "febf::1", "fec0::1", "ff02::1", "100::1", "2001::1", "2001:1ff::1", "2001:db8::1",
            "3fff::1",
            "3fff:fff::1", "4000::1", "5f00::1", "fd00:ec2::254", "fd20:ce::254",
        ])
    func special(_ text: String) throws {
        #expect(try #require(IPAddress(text)).reach == .special)
    }

    @Test(
        "an IPv4 address in disguise is never reached, whatever it disguises",
        arguments: [
            "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:1.1.1.1", "::127.0.0.1", "::1.1.1.1", "2002:7f00:1::",
            "2002:0a00:1::1", "2002:101:101::1", "64:ff9b:1::1",
        ])
    func disguised(_ text: String) throws {
        #expect(try #require(IPAddress(text)).reach == .special)
    }

    @Test("NAT64 is as global as the address within")
    func nat64() throws {
        #expect(try #require(IPAddress("64:ff9b::1.1.1.1")).reach == .global)
        for inner in ["10.0.0.1", "127.0.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "192.168.1.1"] {
            #expect(try #require(IPAddress("64:ff9b::\(inner)")).reach == .special, "\(inner)")
        }
    }

    @Test("bytes of no address are never reached", arguments: [0, 3, 5, 15, 17])
    func noAddress(count: Int) {
        #expect(IPAddress(bytes: [UInt8](repeating: 1, count: count)).reach == .special)
    }

    @Test("the text form names the same address again", arguments: ["1.2.3.4", "::1", "2606:4700::1:0:1111", "fe80::"])
    func text(_ text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(IPAddress(address.text) == address)
    }

    @Test(
        "shorthand is no address", arguments: ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "1.2.3.4.", "", "a"])
    func shorthand(_ text: String) {
        #expect(IPAddress(text) == nil)
    }
}
