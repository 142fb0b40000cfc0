/// Why the vault could not do what it was asked.
///
/// These texts are for the operator's terminal and log. They name paths, places and numbers, never key material or
/// plaintext, and each says in one sentence what would have to change.
package enum VaultError: Error, Sendable, Equatable, CustomStringConvertible {
    /// There is no root key file at the path.
    case rootKeyMissing(path: String)
    /// There already is something at the path, so a new root key is not written over it.
    case rootKeyExists(path: String)
    /// Group or others have a permission on the root key file; `mode` holds its nine permission bits.
    case rootKeyReadableByOthers(path: String, mode: Int)
    /// The root key file belongs to another user than the one this process runs as.
    case rootKeyOwnedByAnother(path: String)
    /// The path is a symbolic link, a directory or another thing that is not a plain file.
    case rootKeyNotAFile(path: String)
    /// The file is not one line of 43 base64url characters.
    case rootKeyMalformed(path: String)
    /// The operating system refused to read the file; `code` is its `errno`.
    case rootKeyUnreadable(path: String, code: Int32)
    /// The operating system refused to write the file or a directory above it; `code` is its `errno`.
    case rootKeyUnwritable(path: String, code: Int32)
    /// There is a key at the path that does not open this vault, so no other is put in its place.
    case rootKeyInTheWay(path: String)
    /// The vault opens with a passphrase; there is no root key file.
    case passphraseNeeded
    /// The vault opens with its root key file; there is no passphrase.
    case rootKeyFileNeeded
    /// It is not the passphrase of this vault.
    case wrongPassphrase
    /// Too many keys are being derived from passphrases at this moment.
    case busy
    /// A passphrase must have so many bytes.
    case passphraseLength(ClosedRange<Int>)
    /// A parameter of Argon2id, and between what it must be.
    case costOutOfRange(String, ClosedRange<Int>)
    /// Argon2id could not be computed; `code` is its library's.
    case derivationFailed(code: Int32)
    /// A keyring needs at least one term.
    case noTerms
    /// Two terms of a keyring have the same number.
    case repeatedTerm(Int)
    /// A term's number does not fit the header of a box (1 to 4,294,967,295).
    case termOutOfRange(Int)
    /// The root key does not open this term: it is another key, or the row was changed.
    case cannotUnwrapTerm(Int)
    /// The box names a term that the keyring does not hold.
    case unknownTerm(Int)
    /// The bytes are no sealed box: too short, or of a format that this version does not know.
    case malformedBox
    /// The box was changed, cut, or belongs to another place.
    case cannotOpen(place: String)
    /// The cipher refused to seal.
    case cannotSeal(place: String)
    /// A member of an audit record is missing, unknown, or not of its type.
    case malformedRecord(member: String)
    /// The text is no signed checkpoint; the string says which part is wrong.
    case malformedCheckpoint(String)

    /// Whether the root key file has to be mended, or put back, before the vault opens with it.
    package var isAboutRootKeyFile: Bool {
        switch self {
        case .rootKeyMissing, .rootKeyReadableByOthers, .rootKeyOwnedByAnother, .rootKeyNotAFile, .rootKeyMalformed,
            .rootKeyUnreadable, .cannotUnwrapTerm:
            true
        default: false
        }
    }

    package var description: String {
        switch self {
        case .rootKeyMissing(let path):
            "There is no root key at \(path): restore it from your backup, or create it on a new installation."
        case .rootKeyExists(let path):
            "There already is a file at \(path): move it away before a new root key is created."
        case .rootKeyReadableByOthers(let path, let mode):
            "The root key \(path) has mode 0\(String(mode, radix: 8)): take all permissions from group and others "
                + "(chmod 600)."
        case .rootKeyOwnedByAnother(let path):
            "The root key \(path) belongs to another user: change its owner to the user that runs Legate (chown)."
        case .rootKeyNotAFile(let path):
            "The root key \(path) is not a plain file: put the key itself there, not a link, directory or device."
        case .rootKeyMalformed(let path):
            "The root key \(path) is not one line of 43 base64url characters: restore it from your backup."
        case .rootKeyUnreadable(let path, let code):
            "The root key \(path) cannot be read (errno \(code)): let the user that runs Legate read it and enter "
                + "its directory."
        case .rootKeyUnwritable(let path, let code):
            "The root key \(path) cannot be written (errno \(code)): let the user that runs Legate write its "
                + "directory, and check that the disk has room."
        case .rootKeyInTheWay(let path):
            "The key at \(path) does not open this vault: move it away before another root key is put there."
        case .passphraseNeeded: "This vault opens with a passphrase: give it, as it has no root key file."
        case .rootKeyFileNeeded: "This vault opens with its root key file: name the file, as it has no passphrase."
        case .wrongPassphrase:
            "The passphrase does not open this vault: try the one that was set last, for a backup the one from when it "
                + "was made."
        case .busy: "Other keys are being derived from passphrases: try again in some seconds."
        case .passphraseLength(let range):
            "The passphrase must have \(range.lowerBound) to \(range.upperBound) bytes: choose a longer one, such as "
                + "five random words."
        case .costOutOfRange(let name, let range):
            "The \(name) of Argon2id must be from \(range.lowerBound) to \(range.upperBound)."
        case .derivationFailed(let code):
            "The passphrase could not be turned into a key (Argon2 error \(code)): free some memory and try again."
        case .noTerms:
            "The keyring has no terms: restore the database together with the root key that belongs to it."
        case .repeatedTerm(let number):
            "The keyring holds term \(number) twice: restore the database from a backup."
        case .termOutOfRange(let number):
            "Term \(number) is not between 1 and 4294967295: restore the keyring from a backup."
        case .cannotUnwrapTerm(let number):
            "The root key does not open term \(number) of the keyring: use the one that was set last, for a backup the "
                + "one from when it was made."
        case .unknownTerm(let number):
            "The keyring has no term \(number): restore the keyring that the sealed data was written with."
        case .malformedBox:
            "The bytes are not a sealed box that this version of Legate can read: restore the row from a backup, or "
                + "run the version that wrote it."
        case .cannotOpen(let place):
            "The sealed box at \(place) does not open, as it was changed or comes from elsewhere: restore the row "
                + "from a backup"
                + (place.hasPrefix("secret_versions/")
                    ? ", or give this version up with legate secret destroy and make a new backup." : ".")
        case .cannotSeal(let place):
            "The value for \(place) could not be sealed: try again with a shorter value."
        case .malformedRecord(let member):
            "The audit record's member \(member) is missing, unknown or not of its type: export the record again."
        case .malformedCheckpoint(let reason):
            "The audit checkpoint is not acceptable, \(reason): export it again from the server that signed it."
        }
    }
}
