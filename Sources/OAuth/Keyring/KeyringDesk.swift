package import JOSE
import Synchronization
package import Vault

/// The keys of the vault for operators: a new term, another root key, and what there is.
///
/// One change at a time: a term that came while the root key is exchanged would be wrapped by the old one alone.
package final class KeyringDesk: Sendable {
    let barrier: Barrier
    let store: any Store
    let ledger: Ledger
    let now: Now
    let rootKeyFile: RootKeyFile?
    /// Seals boxes anew after a rotation.
    package let resealer: Resealer
    private let turn: KeyringTurn

    package static let scope = "vault:manage"

    /// - Parameter rootKeyPath: where the root key file is, or would be. Without it, only a passphrase can be changed.
    package init(
        barrier: Barrier, store: any Store, ledger: Ledger, rootKeyPath: String?, now: @escaping Now,
        alarm: BoxAlarm, grace: Duration = Resealer.defaultGrace
    ) {
        self.barrier = barrier
        self.store = store
        self.ledger = ledger
        self.now = now
        rootKeyFile = rootKeyPath.map { RootKeyFile(path: $0) }
        turn = KeyringTurn()
        resealer = Resealer(
            barrier: barrier, store: store, ledger: ledger, turn: turn, now: now, alarm: alarm, grace: grace
        )
    }

    /// Adds a term, which seals everything from now on; what older terms sealed is sealed anew in the background.
    ///
    /// - Returns: the status after it.
    /// - Throws: `KeyringRefusal`, `VaultError`, `LedgerUnavailable`.
    @discardableResult
    package func rotate(by caller: Operator) async throws -> JSONObject {
        try caller.require(Self.scope)
        try await turn.take { [self] in
            guard let rootKey = barrier.rootKey else { throw KeyringRefusal.sealed }
            try await checkRootKey(rootKey)
            let time = now()
            let (next, term) = try barrier.keyring.addingTerm(by: rootKey, now: time.milliseconds)
            var entry = Entry(changes: [.keyring(.addTerm(term))])
            entry.audit = [
                caller.event(.vaultRotated, target: "vault/terms/\(term.number)", rule: Self.scope, at: time)
            ]
            entry.whenDurable = { [barrier] in
                FaultPoint.rotateTermCommitted.pass()
                barrier.replace(next)
            }
            try await ledger.commit(entry)
        }
        resealer.wake()
        return try await status(for: caller)
    }

    /// Makes something else open the vault, and nothing but that. What is sealed is not touched.
    ///
    /// At every moment what opens the vault is on the disk: a new key file before the database knows it, the old one
    /// until it does.
    ///
    /// - Returns: the status after it.
    /// - Throws: `KeyringRefusal`, `VaultError`, `LedgerUnavailable`; after the last one, the next start tells which key
    ///   holds.
    @discardableResult
    package func rekey(to target: RekeyTarget, by caller: Operator) async throws -> JSONObject {
        try caller.require(Self.scope)
        try await turn.take { [self] in
            guard let present = barrier.rootKey else { throw KeyringRefusal.sealed }
            try await checkRootKey(present)
            let time = now()
            let next = try await rootKey(for: target, at: time)
            guard next.fingerprint != present.fingerprint else { throw KeyringRefusal.sameRootKey }
            let swap = RootKeySwap(
                slot: next.slot, replacing: present.slot.id, terms: try barrier.keyring.wrapped(by: next),
                leftover: next.slot.isPassphrase && present.slot.isPassphrase ? nil : present.fingerprint
            )
            if !next.slot.isPassphrase { try stage(next, present: present) }
            FaultPoint.rekeyKeyFileWritten.pass()
            var entry = Entry(changes: [.keyring(.replaceRootKey(swap))])
            var event = caller.event(.vaultRekeyed, target: "vault", rule: Self.scope, at: time)
            event.before = JSON.object(present.slot.document).text
            event.after = JSON.object(next.slot.document).text
            entry.audit = [event]
            entry.whenDurable = { [barrier] in barrier.replace(rootKey: next) }
            do {
                try await ledger.commit(entry)
            } catch let failure as CommitFailure {
                // Nothing was stored. After any other failure it may have been: then the next start decides.
                try? rootKeyFile?.discardStaged()
                throw failure
            }
            FaultPoint.rekeyCommitted.pass()
            try await settle(next, leftover: swap.leftover)
        }
        return try await status(for: caller)
    }

    /// After a commit of which nobody knows how it ended, the next key file may be the only one that opens.
    private func checkRootKey(_ held: HeldRootKey) async throws {
        guard try await store.rootKeySlots().map(\.id) == [held.slot.id] else { throw KeyringRefusal.restartNeeded }
    }

    private func rootKey(for target: RekeyTarget, at time: Timestamp) async throws -> HeldRootKey {
        switch target {
        case .newFile: RootKey.generate().inNewSlot(now: time.milliseconds)
        case .rootKey(let key): key.inNewSlot(now: time.milliseconds)
        case .passphrase(let passphrase, let cost):
            try await RootKey.make(from: passphrase, cost: cost, now: time.milliseconds)
        }
    }

    private func stage(_ next: HeldRootKey, present: HeldRootKey) throws {
        guard let rootKeyFile else { throw KeyringRefusal.fileInTheWay }
        do throws(VaultError) {
            try rootKeyFile.stage(next, present: present)
        } catch {
            switch error {
            case .rootKeyInTheWay, .rootKeyExists, .rootKeyMalformed, .rootKeyNotAFile, .rootKeyReadableByOthers,
                .rootKeyOwnedByAnother:
                throw KeyringRefusal.fileInTheWay
            default: throw error
            }
        }
    }

    /// Brings the files in line with the database, and takes what the old root key opened out of the log.
    private func settle(_ held: HeldRootKey, leftover: String?) async throws {
        if let rootKeyFile {
            if !held.slot.isPassphrase {
                try rootKeyFile.place()
            } else if let leftover {
                try rootKeyFile.discard(leftover)
            }
        }
        FaultPoint.rekeyKeyFilePlaced.pass()
        if leftover != nil { try await ledger.commit(Entry(changes: [.keyring(.rootKeyFilesSettled)])) }
        try await store.forgetOverwritten()
    }
}

/// Whose turn it is to change the keys.
final class KeyringTurn: Sendable {
    private let isTaken = Mutex(false)

    /// - Throws: `KeyringRefusal.busy`, and what `body` throws.
    func take<Value>(_ body: () async throws -> Value) async throws -> Value {
        let isFree = isTaken.withLock { isTaken in
            defer { isTaken = true }
            return !isTaken
        }
        guard isFree else { throw KeyringRefusal.busy }
        defer { isTaken.withLock { $0 = false } }
        return try await body()
    }
}
