import Synchronization
package import Vault

/// Makes encrypted backups while everything goes on.
///
/// A backup opens with the root key, or a passphrase, that opened the vault when it was made, and with nothing else. It
/// is audited before the first byte leaves, and holds the record of itself.
package final class BackupDesk: Sendable {
    private let issuer: IssuerURL
    let barrier: Barrier
    let store: any Store
    private let ledger: Ledger
    private let now: Now
    /// The copy of a large database takes its room on the disk: one at a time.
    private let isBusy = Mutex(false)

    package static let scope = "vault:manage"

    package init(issuer: IssuerURL, barrier: Barrier, store: any Store, ledger: Ledger, now: @escaping Now) {
        self.issuer = issuer
        self.barrier = barrier
        self.store = store
        self.ledger = ledger
        self.now = now
    }

    /// Another backup is being made.
    package struct Busy: Error, Sendable {
        package init() {}
    }

    /// Puts a copy aside and hands over the backup of it.
    ///
    /// The copy is there until the result was written or dropped.
    ///
    /// - Throws: `Busy`, `LedgerUnavailable` when it could not be recorded, and what storage throws.
    package func begin(by caller: Operator) async throws -> Backup {
        try caller.require(Self.scope)
        let isFree = isBusy.withLock { isBusy in
            defer { isBusy = true }
            return !isBusy
        }
        guard isFree else { throw Busy() }
        let turn = BackupTurn { [self] in isBusy.withLock { $0 = false } }
        let time = now()
        try await ledger.commit(
            Entry(audit: [caller.event(.vaultBackedUp, target: "vault", rule: Self.scope, at: time)])
        )
        let copy = try await store.copyForBackup()
        FaultPoint.backupCopied.pass()
        return try Backup(copy, issuer: issuer, keyring: barrier.keyring, turn: turn, at: time)
    }
}

extension BackupDesk {
    /// Puts into the trail that this database came from a backup: what was after it is gone.
    ///
    /// - Parameter time: when the backup was made, in milliseconds since 1970.
    package func recordRestore(ofBackupAt time: Int64) async throws {
        var event = AuditEvent(timestamp: now().milliseconds, name: .vaultRestored, decision: .allow)
        event.apiEndpoint = "legate vault restore"
        event.target = "vault"
        event.policyEvaluation = .init(
            verdict: "permit", rule: "restore", reason: "a backup of \(RFC3339.text(Timestamp(milliseconds: time)))"
        )
        try await ledger.commit(Entry(audit: [event]))
    }
}

/// A backup that is ready to be written.
package struct Backup: Sendable {
    /// Bytes of the whole file.
    package let length: Int64
    private let copy: any BackupCopy
    private let header: BackupHeader
    private let manifest: BackupManifest
    private let keyring: Keyring
    /// Lets the next one in when this one is dropped, written or not.
    private let turn: BackupTurn

    private static let piece = 1 << 20

    init(
        _ copy: any BackupCopy, issuer: IssuerURL, keyring: Keyring, turn: BackupTurn, at time: Timestamp
    ) throws {
        self.copy = copy
        self.keyring = keyring
        self.turn = turn
        manifest = BackupManifest(files: copy.files)
        header = try BackupHeader(
            issuer: issuer.text, createdAt: time.milliseconds, content: manifest.contentSize, lock: copy.lock
        )
        length = header.fileLength
    }

    /// Writes the whole file, piece by piece, and gives the copy's room back.
    ///
    /// - Throws: what `body` throws; what was written until then is not a backup, and does not open.
    package func write(to body: ([UInt8]) async throws -> Void) async throws {
        do {
            try await body(header.bytes)
            var sealer = try header.sealer(with: keyring)
            try await body(try sealer.seal(manifest.encoded))
            for (index, file) in manifest.files.enumerated() {
                var offset: Int64 = 0
                while offset < file.size {
                    let count = Int(min(Int64(Self.piece), file.size - offset))
                    let bytes = try await copy.read(index, at: offset, count: count)
                    guard bytes.count == count else {
                        throw BackupError.malformedContent("\(file.name) became shorter while it was read")
                    }
                    offset += Int64(count)
                    try await body(try sealer.seal(bytes))
                }
            }
            try await body(try sealer.finish())
        } catch {
            await copy.discard()
            throw error
        }
        await copy.discard()
    }
}

/// Says when the last one who holds it is gone.
final class BackupTurn: Sendable {
    private let ended: @Sendable () -> Void

    init(_ ended: @escaping @Sendable () -> Void) { self.ended = ended }

    deinit { ended() }
}

extension AuditEvent.Name {
    package static let vaultBackedUp = Self(rawValue: "vault.backed_up")
    package static let vaultRestored = Self(rawValue: "vault.restored")
}
