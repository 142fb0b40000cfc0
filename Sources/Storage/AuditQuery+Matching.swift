import JOSE
import OAuth
import Vault

extension AuditQuery {
    /// Whether a record is wanted; the same conditions as those of the SQL for records in the database.
    func matches(_ record: AuditRecord) -> Bool {
        let event = record.event
        func agrees(_ wanted: String?, _ found: String?) -> Bool {
            guard let wanted else { return true }
            guard let found else { return false }
            return wanted.utf8.elementsEqual(found.utf8)
        }
        return record.sequence > after && agrees(clientID, event.clientID) && agrees(subject, event.delegatingUser)
            && agrees(delegationID, event.delegationID) && agrees(taskID, event.taskID) && agrees(jti, event.jti)
            && agrees(target, event.target) && (decision.map { $0 == event.decision } ?? true)
            && (since.map { event.timestamp >= $0.milliseconds } ?? true)
    }

    /// Bytes that the line of every wanted record contains, so that the others in an archive need not be parsed.
    var marks: [[UInt8]] {
        [clientID, subject, delegationID, taskID, jti, target].compactMap { $0.map { JSON.string($0).serialized } }
    }
}
