/// Why a backup cannot be made or opened, in a sentence that says what to do.
package enum BackupError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file does not begin as a backup does.
    case notABackup
    /// A newer version of Legate made it; `version` is the format's number.
    case newerFormat(version: UInt8)
    /// The part in front of the encrypted content is not what was written; `member` says where.
    case malformedHeader(member: String)
    /// A chunk does not open: it was changed, cut or moved, or the keys are of another installation.
    case damaged(chunk: UInt64)
    /// The encrypted content is whole, and yet not what a backup holds.
    case malformedContent(String)
    /// The cipher refused.
    case cannotSeal
    /// The keyring does not hold the term under which the backup was made.
    case unknownTerm(Int)

    package var description: String {
        switch self {
        case .notABackup: "the file is not a Legate backup"
        case .newerFormat(let version):
            "the backup has format \(version), this version knows \(BackupHeader.format): run the newer legate"
        case .malformedHeader(let member): "the backup's header is damaged at \(member): use another backup"
        case .damaged(let chunk): "the backup is damaged or cut off at chunk \(chunk): use another backup"
        case .malformedContent(let reason): "the backup holds something else than a backup does, \(reason)"
        case .cannotSeal: "a part of the backup could not be encrypted: try again"
        case .unknownTerm(let term):
            "the keyring has no term \(term): use the root key or passphrase of the backup's time"
        }
    }
}
