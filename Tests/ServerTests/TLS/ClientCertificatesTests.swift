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

    private func isVerified(_ chain: CertificateChain) async -> Bool {
        await judge.certificate(of: chain).verifiedUntil != nil
    }

    private func isVerified(_ connection: PeerConnection) async -> Bool {
        await judge.certificate(of: connection)?.verifiedUntil != nil
    }

    /// A chain without a path, of authorities that sign each other.
    private func endless() throws -> CertificateChain {
        let stranger = try TestAuthority()
        return try stranger.issue(.init("agent")).chain(
            stranger, stranger.twin(), stranger.twin(), stranger.twin())
    }

    @Test("a certificate has a path to the authority, or it has none")
    func path() async throws {
        let good = try authority.issue(.init("agent")).chain()
        #expect(await isVerified(good))
        let own = try TestCertificate.selfSigned(.init("agent"))
        let chain = try own.chain()
        #expect(await !isVerified(chain))
        #expect(judge.certificate(of: chain).der == own.der)
    }

    @Test("authorities that are replaced count no more, also on a connection that is open")
    func replaced() async throws {
        let connection = PeerConnection(address: "192.0.2.1", chain: try authority.issue(.init("agent")).chain())
        #expect(await isVerified(connection))
        judge.replace(.none)
        #expect(await !isVerified(connection))
        judge.replace(try authority.anchors)
        #expect(await isVerified(connection))
    }

    @Test("a resumed session without intermediates is known by what was verified before")
    func resumed() async throws {
        let below = try authority.intermediate("below")
        let certificate = try below.issue(.init("agent"))
        let (alone, whole) = (try certificate.chain(), try certificate.chain(below))
        #expect(await !isVerified(alone))
        #expect(await isVerified(whole))
        #expect(await isVerified(alone))
    }

    @Test("a resumed session has the intermediates of the handshake, also when nobody asked for their path then")
    func resumedUnasked() async throws {
        let below = try authority.intermediate("below")
        let certificate = try below.issue(.init("agent"))
        _ = judge.certificate(of: try certificate.chain(below))
        #expect(judge.searches == 0)
        #expect(await isVerified(try certificate.chain()))
        #expect(await !isVerified(try below.issue(.init("agent")).chain()))
    }

    @Test("a path that ends while a connection is open has ended")
    func ended() async throws {
        let connection = PeerConnection(address: "192.0.2.1", chain: try authority.issue(.init("agent")).chain())
        #expect(await isVerified(connection))
        // Beyond 2100.
        clock.advance(seconds: 80 * 366 * 86_400)
        #expect(await !isVerified(connection))
    }

    @Test("a connection without a certificate has none")
    func nothing() {
        #expect(judge.certificate(of: PeerConnection(address: "192.0.2.1", chain: nil)) == nil)
    }

    @Test("whoever presents a certificate orders no search for its path")
    func lazy() throws {
        _ = judge.certificate(of: try endless())
        #expect(judge.searches == 0)
    }

    @Test("a chain is searched once for all who ask, and without a path not again within a minute")
    func searchedOnce() async throws {
        let bad = try endless()
        let found = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 {
                group.addTask { await self.isVerified(PeerConnection(address: "192.0.2.1", chain: bad)) }
            }
            for await isGood in group where isGood { return true }
            return false
        }
        #expect(!found)
        #expect(judge.searches == 1)
        // The order in which a chain is sent does not make it another one.
        let turned = try CertificateChain(
            leaf: bad.leaf.der, intermediates: bad.intermediates.reversed().map(\.der))
        #expect(await !isVerified(turned))
        #expect(judge.searches == 1)
        clock.advance(seconds: 60)
        #expect(await !isVerified(bad))
        #expect(judge.searches == 2)
    }

    @Test("a path that was found is not looked for again, whatever strangers present")
    func foundOnce() async throws {
        let good = try authority.issue(.init("agent")).chain()
        #expect(await isVerified(good))
        clock.advance(seconds: 3600)
        #expect(await isVerified(good))
        #expect(judge.searches == 1)
    }
}
