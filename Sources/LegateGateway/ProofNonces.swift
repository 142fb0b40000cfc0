import Crypto
import JOSE

/// The values that the gateway makes its callers put into their proofs (RFC 9449 section 9).
///
/// Nothing is stored: a nonce is a keyed hash of the minute in which it was given out, with a key that this process made
/// up. The one before is still good, so that nobody is sent back in the second of the change. The minutes are those of
/// the clock that never goes back.
struct ProofNonces: Sendable {
    /// For how long the same nonce is given out. It is good for twice that time at most.
    static let period = Duration.seconds(60)

    private let key = SymmetricKey(size: .bits256)
    private let clock: GatewayClock

    init(clock: GatewayClock) { self.clock = clock }

    /// The nonce to use from now on.
    var current: String { Base64URL.encode(Array(code(of: slot))) }

    /// Whether it is the current nonce or the one before.
    func isGood(_ nonce: String) -> Bool {
        guard nonce.utf8.count <= 64, let code = Base64URL.decode(nonce) else { return false }
        return [slot, slot - 1].contains { slot in
            HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: Self.message(slot), using: key)
        }
    }

    private var slot: Int64 { clock.elapsed().components.seconds / Self.period.components.seconds }

    private func code(of slot: Int64) -> HMAC<SHA256>.MAC {
        HMAC<SHA256>.authenticationCode(for: Self.message(slot), using: key)
    }

    private static func message(_ slot: Int64) -> [UInt8] { Array("legate gateway nonce \(slot)".utf8) }
}
