package import JOSE
package import Revocations

/// Who hears of everything that a gateway learns, in order: `legate gateway follow` hands it on to another program.
///
/// The feed is read on only when a call has returned, so that nothing piles up.
package protocol GatewayObserver: Sendable {
    /// More was revoked.
    func took(_ revocations: [Revocation]) async
    /// What was told so far was everything, and holds for so much longer.
    func holds(for time: Duration) async
    /// The keys that count have changed.
    func published(_ keys: JWKSet) async
}
