import Testing

@testable import LegateGateway

@Suite("The nonces of a gateway")
struct ProofNoncesTests {
    let time = TestTime()

    @Test("DP-25: a nonce is good while it is given out and for as long again, whatever becomes of the time of day")
    func lifetime() {
        let nonces = ProofNonces(clock: time.clock)
        let nonce = nonces.current
        #expect(nonces.isGood(nonce))
        time.set(by: 86_400)
        #expect(nonces.isGood(nonce) && nonces.current == nonce)
        time.passUnseen(.seconds(60))
        #expect(nonces.isGood(nonce) && nonces.current != nonce)
        time.passUnseen(.seconds(60))
        #expect(!nonces.isGood(nonce))
    }

    @Test("DP-24: what the process did not give out is not good")
    func foreign() {
        let nonces = ProofNonces(clock: time.clock)
        #expect(!nonces.isGood(ProofNonces(clock: time.clock).current))
        #expect(!nonces.isGood(""))
        #expect(!nonces.isGood(String(nonces.current.dropLast())))
        #expect(!nonces.isGood(nonces.current + "A"))
        #expect(!nonces.isGood(String(repeating: "A", count: 100_000)))
    }

    @Test("DP-26: a nonce has the characters that one may have")
    func syntax() {
        let nonce = ProofNonces(clock: time.clock).current
        #expect(nonce.utf8.count == 43)
        #expect(nonce.utf8.allSatisfy { $0 == 0x21 || (0x23...0x5B).contains($0) || (0x5D...0x7E).contains($0) })
    }
}
