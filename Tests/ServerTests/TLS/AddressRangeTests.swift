import Testing

@testable import Server

@Suite("Addresses of trusted proxies")
struct AddressRangeTests {
    @Test(
        "an address is in its network, and an IPv4 address that came through an IPv6 socket is itself",
        arguments: [
            ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.8", false), ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false), ("192.0.2.128/25", "192.0.2.127", false),
            ("192.0.2.128/25", "192.0.2.200", true), ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::1", false), ("::1", "::1", true),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("::/0", "::ffff:10.1.2.3", false),
            ("192.0.2.7/32", "192.0.2.7", true),
        ]
    )
    func contains(_ range: String, _ address: String, _ isThere: Bool) throws {
        let range = try #require(AddressRange(range))
        let address = try #require(IPAddress(address))
        #expect(range.contains(address) == isThere)
    }

    @Test(
        "what is not an address or a network is refused",
        arguments: [
            "", "proxy", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0/8", "::/129",
            " 10.0.0.1", "10.0.0.1 ", "2001:db8::1/32", "10.0.0.0/08x",
        ]
    )
    func refused(_ text: String) {
        #expect(AddressRange(text) == nil)
    }
}
