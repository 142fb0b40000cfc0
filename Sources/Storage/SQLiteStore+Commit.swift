import GRDB
package import OAuth
import Revocations
package import Vault

extension SQLiteStore {
    package func commit(
        _ entries: [Entry], chain: AuditChain, lastIssued: Int64?, seal: @Sendable (AuditHead) -> [UInt8]
    ) async throws -> CommitResult {
        defer { checkpointer.committed() }
        return try await pool.write { database in
            var batch = try Batch(database, chain: chain)
            var failures: [CommitFailure?] = []
            failures.reserveCapacity(entries.count)
            var revocations: [Int: [Revocation]] = [:]
            var released: [Int: [UInt8]] = [:]
            for (index, entry) in entries.enumerated() {
                let failure = try batch.write(entry)
                failures.append(failure)
                if failure == nil, !batch.revocations.isEmpty { revocations[index] = batch.revocations }
                if failure == nil, let box = batch.released { released[index] = box }
            }
            let head = batch.audit.chain.head
            if head != chain.head {
                try AuditHeadRecord.write(head, code: seal(head), lastIssued: lastIssued, to: database)
            }
            return CommitResult(
                failures: failures, chain: batch.audit.chain, revocations: revocations, released: released
            )
        }
    }
}

extension SQLiteStore {
    package func isSpent(_ digest: [UInt8]) async throws -> Bool {
        try await pool.read { try SpentRecord.exists(digest, in: $0) }
    }
}

/// Entries on their way into one transaction.
private struct Batch {
    private let database: Database
    var audit: AuditWriter
    /// The tombstones of the entry written last.
    private(set) var revocations: [Revocation] = []
    /// The box that the entry written last releases.
    private(set) var released: [UInt8]?

    init(_ database: Database, chain: AuditChain) throws {
        self.database = database
        audit = try AuditWriter(database, chain: chain)
    }

    /// Writes one entry; when the stored state forbids it, nothing of it stays. Its records are linked last, so that
    /// an entry that fails has not touched the trail.
    ///
    /// - Throws: when storage fails, which ends the whole transaction.
    mutating func write(_ entry: Entry) throws -> CommitFailure? {
        if !revocations.isEmpty { revocations = [] }
        released = nil
        if let failure = try apply(entry.changes) { return failure }
        for event in entry.audit { try audit.append(event) }
        return nil
    }

    private mutating func apply(_ changes: [Change]) throws -> CommitFailure? {
        // A change that fails has changed nothing itself: only what came before it has to be undone.
        let isUndoable = changes.dropFirst().contains(where: \.canFail)
        if isUndoable { try database.run("SAVEPOINT entry") }
        var failure: CommitFailure?
        do {
            for change in changes { try apply(change) }
        } catch let caught as CommitFailure {
            failure = caught
            if isUndoable { try database.run("ROLLBACK TO SAVEPOINT entry") }
        }
        if isUndoable { try database.run("RELEASE SAVEPOINT entry") }
        return failure
    }

    private mutating func apply(_ change: Change) throws {
        switch change {
        case .create(let object): try RegistryWriter.create(object, in: database)
        case .update(let object, let revision): try RegistryWriter.update(object, from: revision, in: database)
        case .delete(let object): try RegistryWriter.delete(object, in: database)
        case .revokeDelegation(let id, let time): try DelegationRecord.revoke(id, at: time, in: database)
        case .revoke(let revocation): revocations.append(try RevocationRecord.insert(revocation, into: database))
        case .close(let kind, let id, let until): try ClosedNameRecord.close(kind, id, until: until, in: database)
        case .reopen(let kind, let id): try ClosedNameRecord.reopen(kind, id, in: database)
        case .spend(let spend): try SpentRecord.insert(spend, into: database)
        case .useTask(let use): try TaskRecord.use(use, in: database)
        case .listStatus(let token): try StatusEntryRecord.insert(token, into: database)
        case .enqueue(let event): try EventQueueRecord.insert(event, into: database)
        case .acknowledge(let receiver, let names):
            for name in names { try EventQueueRecord.delete(name, for: receiver, in: database) }
        case .addKey(let key): try SigningKeyRecord.insert(key, into: database)
        case .revokeKey(let keyID, let time): try SigningKeyRecord.revoke(keyID, at: time, in: database)
        case .eraseKey(let keyID, let box, let time):
            try SigningKeyRecord.erase(keyID, keeping: box, at: time, in: database)
        case .keepSecret(let secret, let revision): try SecretRecord.keep(secret, from: revision, in: database)
        case .dropSecret(let name): try SecretRecord.drop(name, in: database)
        case .addVersion(let name, let version): try SecretVersionRecord.insert(version, of: name, into: database)
        case .setVersion(let name, let number, let state, let until):
            try SecretVersionRecord.set(number, of: name, to: state, readableUntil: until, in: database)
        case .release(let lease, let revision):
            released = try SecretVersionRecord.readable(lease, at: revision, in: database)
            try LeaseRecord.insert(lease, into: database)
        case .endLease(let id, let time, let reason): try LeaseRecord.end(id, at: time, reason: reason, in: database)
        case .endLeases(let name, let time, let reason):
            try LeaseRecord.endAll(of: name, at: time, reason: reason, in: database)
        case .leasesSwept(let sequence): try LeaseRecord.swept(through: sequence, in: database)
        case .keepWrap(let wrap): try WrapRecord.insert(wrap, into: database)
        case .openWrap(let opening): released = try WrapRecord.open(opening, in: database)
        case .plant(let canary): try CanaryRecord.insert(canary, into: database)
        case .unplant(let id): try CanaryRecord.delete(id, in: database)
        case .canarySeen(let sighting): try CanaryRecord.note(sighting, in: database)
        case .keepRotation(let plan, let revision): try RotationRecord.keep(plan, from: revision, in: database)
        case .keepConnection(let connection, let revision):
            try ConnectionRecord.keep(connection, from: revision, in: database)
        case .dropConnection(let name, let revision): try ConnectionRecord.drop(name, from: revision, in: database)
        case .dropRotation(let name): try RotationRecord.drop(name, in: database)
        case .hastenRotation(let name, let time): try RotationRecord.hasten(name, at: time, in: database)
        case .keyring(let change): try SQLiteStore.apply(change, in: database)
        }
    }
}
