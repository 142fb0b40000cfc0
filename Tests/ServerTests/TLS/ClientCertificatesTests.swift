import Certificates
import OAuth
import Support
import Synchronization
import Testing

@testable import Server

@Suite("Judging client certificates")
struct ClientCertificatesTests {
    private let clock = TestClock()
    private let authority: TestAuthority
    private let judge: ClientCertificates

    init() throws {
        authority = try TestAuthority()
        judge = ClientCertificates(anchors: try authority.anchors, now: clock.now)
    }

    @Test("a certificate has a path to the authority, or it has none")
    func path() async throws {
        let good = try authority.issue(.init("agent"))
        #expect(await judge.certificate(of: try good.chain()).isVerified)
        let own = try TestCertificate.selfSigned(.init("agent"))
        let judged = await judge.certificate(of: try own.chain())
        #expect(!judged.isVerified)
        #expect(judged.der == own.der)
    }

    @Test("authorities that are replaced count no more, also on a connection that is open")
    func replaced() async throws {
        let connection = PeerConnection(chain: try authority.issue(.init("agent")).chain())
        #expect(await judge.certificate(of: connection)?.isVerified == true)
        judge.replace(.none)
        #expect(await judge.certificate(of: connection)?.isVerified == false)
        judge.replace(try authority.anchors)
        #expect(await judge.certificate(of: connection)?.isVerified == true)
    }

    @Test("a resumed session without intermediates is known by what was verified before")
    func resumed() async throws {
        let below = try authority.intermediate("below")
        let certificate = try below.issue(.init("agent"))
        #expect(await !judge.certificate(of: try certificate.chain()).isVerified)
        #expect(await judge.certificate(of: try certificate.chain(below)).isVerified)
        #expect(await judge.certificate(of: try certificate.chain()).isVerified)
    }

    @Test("a path that ends while a connection is open has ended")
    func ended() async throws {
        let connection = PeerConnection(chain: try authority.issue(.init("agent")).chain())
        #expect(await judge.certificate(of: connection)?.isVerified == true)
        // Beyond 2100.
        clock.advance(seconds: 80 * 366 * 86_400)
        #expect(await judge.certificate(of: connection)?.isVerified == false)
    }

    @Test("a connection without a certificate has none")
    func nothing() async {
        #expect(await judge.certificate(of: PeerConnection(chain: nil)) == nil)
    }
}
