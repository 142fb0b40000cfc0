internal import Crypto

/// The nonces that clients put into their DPoP proofs (RFC 9449 sections 8 and 9).
///
/// Nothing is stored. A nonce is a keyed hash of the minute in which it was given out, under a key that this run made
/// up: one that is good was made after the start. The nonce of the minute before is still good, so that nobody is sent
/// back in the second of the change. The minutes are counted by a clock that nobody sets.
package struct DPoPNonces: Sendable {
    /// Seconds for which the same nonce is given out. It is good for twice that time at most.
    static let period: Int64 = 60

    private let key = SymmetricKey(size: .bits256)
    private let uptime: Uptime

    /// Begins a run: no nonce of another one is good.
    package init(uptime: @escaping Uptime) { self.uptime = uptime }

    /// The nonce to use from now on: 43 characters of base64url.
    package var current: String {
        Base64URL.encode(Array(HMAC<SHA256>.authenticationCode(for: Self.text(of: slot), using: key)))
    }

    /// Whether it is the current nonce, or the one before.
    package func isGood(_ nonce: String) -> Bool {
        guard nonce.utf8.count == 43, let code = Base64URL.decode(nonce) else { return false }
        let slot = slot
        return [slot, slot - 1].contains {
            HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: Self.text(of: $0), using: key)
        }
    }

    private var slot: Int64 { uptime() / Self.period }

    private static func text(of slot: Int64) -> [UInt8] { Array("legate dpop nonce \(slot)".utf8) }
}
