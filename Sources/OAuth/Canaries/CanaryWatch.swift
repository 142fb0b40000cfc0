import JOSE
import Synchronization
import Vault

/// Looks at every credential that was refused anywhere: is it one that was planted?
///
/// Only refusals come by here, so a call that is answered costs nothing. A refused one costs one keyed digest and one
/// look-up, whether it is planted or not, and the answer waits for nothing more: it cannot be told from that to any
/// other bad credential. The trail gets at most one record a minute for each canary, so that nobody fills the disk.
package final class CanaryWatch: Sendable {
    /// What was seen of one canary since it was recorded last.
    private struct Sightings {
        /// Nil while nothing was recorded.
        var recordedAt: Timestamp?
        var unrecorded = 0
    }

    private let registry: Registry
    private let digests: DigestKey
    private let ledger: Ledger
    private let now: Now
    private let bell: AlarmBell
    private let seen = Mutex<[CanaryID: Sightings]>([:])

    /// Seconds between two records about one canary.
    package static let pause = 60
    /// Nothing that is planted is longer.
    private static let longest = 4096

    init(registry: Registry, digests: DigestKey, ledger: Ledger, now: @escaping Now, bell: @escaping AlarmBell) {
        self.registry = registry
        self.digests = digests
        self.ledger = ledger
        self.now = now
        self.bell = bell
    }

    /// What is stored of a look-alike. No client id has a slash, so that it is the digest of no client's secret.
    static func digest(of value: String, with digests: DigestKey) -> [UInt8] {
        digests.digest(of: value, context: "canary/value")
    }

    /// Looks at a credential that was refused.
    package func look(at refused: String?, in context: RequestContext) {
        guard let refused, refused.utf8.count <= Self.longest, !registry.canaries.isEmpty else { return }
        guard let canary = registry.canaries.canary(digest: Self.digest(of: refused, with: digests)) else { return }
        raise(canary, in: context, at: now())
    }

    /// Looks at the tokens in a form whose request was refused, or whose token is worth nothing.
    package func look(atTokensIn request: ClientRequest) {
        for name: Parameters.Name in [.token, .subjectToken, .actorToken] {
            look(at: request.parameters[name], in: request.context)
        }
    }

    private func raise(_ canary: Canary, in context: RequestContext, at time: Timestamp) {
        let due = seen.withLock { seen -> (uses: Int, last: Timestamp?)? in
            var sightings = seen[canary.id] ?? Sightings(recordedAt: canary.lastUsed)
            sightings.unrecorded += 1
            defer { seen[canary.id] = sightings }
            if let last = sightings.recordedAt, last <= time, time < last.adding(seconds: Self.pause) { return nil }
            let due = (sightings.unrecorded, sightings.recordedAt)
            sightings = Sightings(recordedAt: time)
            return due
        }
        let event = Self.event(canary, uses: due?.uses ?? 1, in: context, at: time)
        bell(Alarm(.canaryUsed, event, isRepeated: due == nil))
        guard let due else { return }
        // Nobody waits for it: how long the answer takes must not tell what was recognised.
        Task {
            do {
                let sighting = CanarySighting(id: canary.id, at: time, uses: due.uses)
                try await ledger.commit(Entry(changes: [.canarySeen(sighting)], audit: [event]))
            } catch {
                // Removed, or storage fails: the next use tells it again.
                seen.withLock { seen in
                    seen[canary.id]?.unrecorded += due.uses
                    seen[canary.id]?.recordedAt = due.last
                }
            }
        }
    }

    private static func event(
        _ canary: Canary, uses: Int, in context: RequestContext, at time: Timestamp
    ) -> AuditEvent {
        var event = AuditEvent(timestamp: time.milliseconds, name: .canaryUsed, decision: .deny)
        event.describe(context)
        event.target = "canary/\(canary.id)"
        let details: JSONObject = [
            "severity": "critical", "kind": .string(canary.kind.rawValue), "where": .string(canary.plantedIn),
            "address": .string(context.peer), "uses": .integer(Int64(uses)),
        ]
        event.after = details.text
        event.policyEvaluation = .init(
            verdict: "refuse", rule: "canary", reason: "a planted credential was used: its place has been read"
        )
        return event
    }
}

extension ClientAuthenticator {
    /// The client that asks about a token. When it is refused nobody reads the form any further, so its tokens are
    /// looked at here.
    func authenticate(
        _ request: ClientRequest, at now: Timestamp, watchedBy canaries: CanaryWatch
    ) async throws(OAuthError) -> AuthenticatedClient {
        do throws(OAuthError) {
            return try await authenticate(request, at: now)
        } catch {
            canaries.look(atTokensIn: request)
            throw error
        }
    }
}
