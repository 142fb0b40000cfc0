import Synchronization
package import Vault

/// Tells of sealed boxes that do not open, wherever they are met: somebody changed the database, or the disk did.
///
/// The bell rings once a day for a place while its trouble lasts. When a box opens there again, the next one that does
/// not rings anew.
package final class BoxAlarm: Sendable {
    /// Who has met a box.
    enum Finder: Sendable {
        /// A request. The trail tells of each: what was granted to it, and did not get out, stands there too.
        case request(RequestContext)
        /// What the server does by itself, and tries again and again: the trail tells of it when the bell rings.
        case work(String)
    }

    private let barrier: Barrier
    private let ledger: Ledger
    private let bell: AlarmBell
    private let now: Now
    /// When the bell rang for which places.
    private let told = Mutex<[String: Timestamp]>([:])

    /// Places that are each told. When a whole table was changed, nobody has to hear it for every row.
    private static let mostTold = 1000
    /// Seconds until a place that is still in trouble is told again, and one that nobody met again is forgotten.
    private static let memory = 24 * 3600

    init(barrier: Barrier, ledger: Ledger, bell: @escaping AlarmBell, now: @escaping Now) {
        self.barrier = barrier
        self.ledger = ledger
        self.bell = bell
        self.now = now
    }

    /// Opens a box; one that does not open is reported.
    ///
    /// - Throws: `VaultError` when it does not open, `LedgerUnavailable` when that cannot be recorded or the server was
    ///   sealed.
    func open(_ box: [UInt8], at place: Place, for finder: Finder) async throws -> Secret {
        try await opening(place, for: finder) { try barrier.open(try SealedBox(bytes: box), at: place) }
    }

    /// Does what opens the box of a place, and reports a box that does not open.
    func opening<Value: Sendable>(
        _ place: Place, for finder: Finder, _ open: () throws -> Value
    ) async throws -> Value {
        let value: Value
        do {
            value = try open()
        } catch let error as VaultError {
            try await report(error, at: place, for: finder)
            throw error
        }
        settle(place)
        return value
    }

    /// Reports a box that does not open.
    func report(_ error: any Error, at place: Place, for finder: Finder) async throws {
        // A server that was sealed in the meantime opens nothing: that is no damage.
        guard !barrier.keyring.terms.isEmpty else { throw LedgerUnavailable(underlying: LedgerClosed()) }
        let name = place.description
        let time = now()
        let isNew = told.withLock { Self.note(name, at: time, in: &$0) }
        var event = AuditEvent(timestamp: time.milliseconds, name: .boxRefused, decision: .deny)
        switch finder {
        case .request(let context): event.describe(context)
        case .work(let work):
            guard isNew else { return }
            event.apiEndpoint = work
        }
        event.target = "\(place.table)/\(place.row)/versions/\(place.version)"
        event.policyEvaluation = .init(verdict: "refuse", rule: "sealed_box", reason: "\(error)")
        do {
            try await ledger.commit(Entry(audit: [event]))
        } catch {
            // Nobody has heard of it: whoever meets it next tells.
            if isNew { settle(place) }
            throw error
        }
        if isNew { bell(Alarm(.boxRefused, event)) }
    }

    /// The box of a place opens, or another one was put there.
    func settle(_ place: Place) {
        told.withLock { told in
            // Nearly always nothing is wrong: then no text is made.
            guard !told.isEmpty else { return }
            told[place.description] = nil
        }
    }

    /// Whether the bell has to ring for a place.
    private static func note(_ place: String, at time: Timestamp, in told: inout [String: Timestamp]) -> Bool {
        func lasts(_ since: Timestamp) -> Bool { since <= time && time < since.adding(seconds: memory) }
        if let since = told[place], lasts(since) { return false }
        if told.count >= mostTold { told = told.filter { lasts($0.value) } }
        guard told.count < mostTold else { return false }
        told[place] = time
        return true
    }
}

extension AuditEvent.Name {
    /// A sealed box does not open.
    package static let boxRefused = Self(rawValue: "vault.box_refused")
}
