/// Why a rotation could not go on, in one sentence for operators. The version that was current stays so, and the
/// rotation is tried again.
struct RotationFailure: Error, Sendable, Equatable {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}

/// How one attempt at a rotation ended.
package enum RotationOutcome: Sendable, Equatable {
    /// The secret has a new current version.
    case rotated(VaultSecret)
    /// It is tried again then.
    case failed(String, nextAt: Timestamp)
    /// The secret is gone, has no policy, or is not due.
    case nothingToDo
}
