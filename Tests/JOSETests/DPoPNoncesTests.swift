import JOSE
import Testing

@Suite("Nonces of DPoP proofs")
struct DPoPNoncesTests {
    private let clock = Minutes()

    @Test("a nonce is good for its own minute and the next (DP-25)")
    func rotation() {
        let nonces = DPoPNonces(uptime: clock.uptime)
        let first = nonces.current
        #expect(nonces.isGood(first))
        clock.advance(60)
        let second = nonces.current
        #expect(second != first)
        #expect(nonces.isGood(first))
        #expect(nonces.isGood(second))
        clock.advance(60)
        #expect(!nonces.isGood(first))
        #expect(nonces.isGood(second))
    }

    @Test("a nonce of another run, of the future or of nobody is not good (DP-24)")
    func others() {
        let nonces = DPoPNonces(uptime: clock.uptime)
        let other = DPoPNonces(uptime: clock.uptime)
        #expect(!nonces.isGood(other.current))
        clock.advance(60)
        let future = nonces.current
        clock.advance(-60)
        #expect(!nonces.isGood(future))
        for text in [
            "", "x", String(repeating: "A", count: 43), String(repeating: "A", count: 100_000), nonces.current + "A",
            String(nonces.current.dropLast()),
        ] {
            #expect(!nonces.isGood(text))
        }
    }

    @Test("a nonce has the characters that are allowed, and says nothing of the time (DP-26)")
    func syntax() {
        let nonces = DPoPNonces(uptime: clock.uptime)
        var seen: Set<String> = []
        for _ in 0..<20 {
            let nonce = nonces.current
            #expect(nonce.utf8.count == 43)
            // NQCHAR: %x21 / %x23-5B / %x5D-7E.
            #expect(nonce.utf8.allSatisfy { $0 == 0x21 || (0x23...0x5B).contains($0) || (0x5D...0x7E).contains($0) })
            #expect(seen.insert(nonce).inserted)
            clock.advance(60)
        }
    }
}
