internal import Crypto
internal import Synchronization

/// The nonces that clients put into their DPoP proofs (RFC 9449 sections 8 and 9).
///
/// A nonce is a keyed hash of the minute in which it was given out, under a key that this run made up: one that is good
/// was made after the start. The nonce of the minute before is still good, so that nobody is sent back in the second of
/// the change. The minutes are counted by a clock that nobody sets.
package final class DPoPNonces: Sendable {
    private struct Minute {
        let slot: Int64
        let nonce: String
        /// That of the minute before.
        let last: String
    }

    /// Seconds for which the same nonce is given out. It is good for twice that time at most.
    static let period: Int64 = 60

    private let key = SymmetricKey(size: .bits256)
    private let uptime: Uptime
    private let minute = Mutex<Minute?>(nil)

    /// Begins a run: no nonce of another one is good.
    package init(uptime: @escaping Uptime) { self.uptime = uptime }

    /// The nonce to use from now on: 43 characters of base64url.
    package var current: String { thisMinute.nonce }

    /// Whether it is the current nonce, or the one before. Anybody is told the nonce: comparing it has no secret to keep.
    package func isGood(_ nonce: String) -> Bool {
        let minute = thisMinute
        return nonce.isExactly(minute.nonce) || nonce.isExactly(minute.last)
    }

    private var thisMinute: Minute {
        let slot = uptime() / Self.period
        return minute.withLock { minute in
            if let minute, minute.slot == slot { return minute }
            let made = Minute(slot: slot, nonce: nonce(of: slot), last: nonce(of: slot - 1))
            minute = made
            return made
        }
    }

    private func nonce(of slot: Int64) -> String {
        let text = Array("legate dpop nonce \(slot)".utf8)
        return Base64URL.encode(Array(HMAC<SHA256>.authenticationCode(for: text, using: key)))
    }
}
