import JOSE

extension RotationPlan {
    /// What the API shows to those who manage secrets.
    var document: JSONObject {
        [
            "last_at": .time(since), "due_at": .time(dueAt), "next_attempt_at": .time(nextAt),
            "pending_version": pending.map { .integer(Int64($0.version)) } ?? .null,
            "failures": .integer(Int64(failures)), "reason": .text(reason),
        ]
    }
}
