import Certificates
import Support
import Testing

/// Row MTLS-12 for the reading of the header: what is not exactly one certificate is nothing.
@Suite("Certificates in headers")
struct CertificateFieldTests {
    private let der: [UInt8]
    private let base64: String
    private let pem: String
    private let escaped: String

    init() throws {
        der = try TestCertificate.selfSigned(.init("agent")).der
        base64 = Base64Text.encode(der)
        pem = "-----BEGIN CERTIFICATE-----\n" + Self.lines(base64) + "-----END CERTIFICATE-----\n"
        escaped = Self.escape(pem)
    }

    @Test("RFC 9440's byte sequence is read")
    func byteSequence() {
        #expect(CertificateField.certificate(in: ":\(base64):", form: .byteSequence) == der)
    }

    @Test("PEM with percent escapes is read where it is expected")
    func escapedPEM() {
        #expect(CertificateField.certificate(in: escaped, form: .escapedPEM) == der)
        #expect(CertificateField.certificate(in: escaped, form: .byteSequence) == nil)
    }

    @Test("a gateway may use any of the forms")
    func anyForm() {
        for value in [":\(base64):", escaped, base64] {
            #expect(CertificateField.certificate(inAnyForm: value) == der)
        }
    }

    @Test("what is cut, garbled, doubled or too long is not read")
    func garbled() {
        let bad = [
            "", ":", "::", base64, ":\(base64)", "\(base64):", ":\(base64.dropLast(3)):", ":\(base64) :",
            ":\(base64)=:",
            ":\(base64):;a=1", ":\(base64):, :\(base64):", ":%3A:",
            ":" + String(repeating: "A", count: 64 * 1024) + ":",
        ]
        for value in bad {
            #expect(CertificateField.certificate(in: value, form: .byteSequence) == nil, "\(value.prefix(40))")
        }
        for value in [
            "", "%", "%4", "%zz", escaped + escaped, escaped + "AAAA", "A" + escaped, String(escaped.dropLast(30)),
            base64, pem + pem,
        ] {
            #expect(CertificateField.certificate(in: value, form: .escapedPEM) == nil, "\(value.prefix(40))")
        }
    }

    @Test("the chain is a list of byte sequences, in one header or several")
    func chain() {
        #expect(CertificateField.chain(in: []) == [])
        #expect(CertificateField.chain(in: [":\(base64):, :\(base64):"]) == [der, der])
        #expect(CertificateField.chain(in: [":\(base64):", ":\(base64):"]) == [der, der])
        #expect(CertificateField.chain(in: [":\(base64):,"]) == nil)
        #expect(CertificateField.chain(in: [""]) == nil)
    }

    @Test("base64 has one text for the same bytes")
    func oneText() {
        #expect(Base64Text.decode("AQ==".utf8) == [1])
        for text in ["AQ", "AQ=", "AR==", "AQ==\n", "A-==", "=AQ=", "AQ=A", "===="] {
            #expect(Base64Text.decode(text.utf8) == nil, "\(text)")
        }
        for count in 0..<9 {
            let bytes = Array(repeating: UInt8(0xFB), count: count)
            #expect(Base64Text.decode(Base64Text.encode(bytes).utf8) == bytes)
        }
    }

    private static func lines(_ text: String) -> String {
        var rest = Substring(text)
        var lines = ""
        while !rest.isEmpty {
            lines += rest.prefix(64) + "\n"
            rest = rest.dropFirst(64)
        }
        return lines
    }

    private static func escape(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"): String(UnicodeScalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
