import Certificates
import HTTPTypes
import Support
import Testing

@testable import Server

/// Row MTLS-12: a proxy's certificate header.
@Suite("Certificates from trusted proxies")
struct TrustedProxiesTests {
    private let value: String
    private let proxies: TrustedProxies

    init() throws {
        value = ":\(Base64Text.encode(try TestCertificate.selfSigned(.init("agent")).der)):"
        let range = try #require(AddressRange("10.0.0.0/8"))
        proxies = try #require(TrustedProxies([range], field: "Client-Cert"))
    }

    private func fields(_ values: [String], chain: [String] = []) -> HTTPFields {
        var fields = HTTPFields()
        for value in values { fields.append(HTTPField(name: .known("client-cert"), value: value)) }
        for value in chain { fields.append(HTTPField(name: .known("Client-Cert-Chain"), value: value)) }
        return fields
    }

    @Test("a proxy's header is read")
    func believed() throws {
        #expect(try proxies.certificate(in: fields([value]), from: "10.1.2.3") != nil)
        #expect(try proxies.certificate(in: fields([]), from: "10.1.2.3") == nil)
        let chain = try #require(try proxies.certificate(in: fields([value], chain: [value]), from: "10.1.2.3"))
        #expect(chain.intermediates.count == 1)
    }

    @Test("from anybody else the header is refused, and its absence is nothing")
    func stranger() throws {
        for peer in ["11.0.0.1", "::1", "local", ""] {
            #expect(throws: HTTPRefusal.self) { try proxies.certificate(in: fields([value]), from: peer) }
            #expect(throws: HTTPRefusal.self) { try proxies.certificate(in: fields([], chain: [value]), from: peer) }
            #expect(try proxies.certificate(in: fields([]), from: peer) == nil)
        }
    }

    @Test("two copies, garbage, or a chain without a certificate is refused")
    func garbage() {
        for values in [[value, value], ["x"], [""], [value + ", " + value]] {
            #expect(throws: HTTPRefusal.self) { try proxies.certificate(in: fields(values), from: "10.1.2.3") }
        }
        #expect(throws: HTTPRefusal.self) { try proxies.certificate(in: fields([], chain: [value]), from: "10.1.2.3") }
        #expect(throws: HTTPRefusal.self) {
            try proxies.certificate(in: fields([value], chain: [value, "x"]), from: "10.1.2.3")
        }
    }

    @Test("without proxies the header means nothing")
    func none() throws {
        #expect(try TrustedProxies.none.certificate(in: fields([value, "x"]), from: "10.1.2.3") == nil)
    }

    @Test(
        "a header that means something else cannot be named",
        arguments: ["Authorization", "cookie", "a b", "", "Content-Type"]
    )
    func reserved(_ name: String) {
        #expect(TrustedProxies([], field: name) == nil)
    }
}
