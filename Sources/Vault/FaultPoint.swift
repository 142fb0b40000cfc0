#if DEBUG
    #if canImport(Glibc)
        internal import Glibc
    #elseif canImport(Musl)
        internal import Musl
    #else
        internal import Darwin
    #endif
#endif

/// A step at which a crash is tested.
///
/// In a debug build the process ends here by SIGKILL when the environment variable `LEGATE_FAULT` names the case; in a
/// release build there is nothing here. Every case is hit by a test.
package enum FaultPoint: String, Sendable, CaseIterable {
    /// A decision to release a value was made; nothing is written.
    case releaseDecided
    /// The release is durable; nobody has the value.
    case releaseCommitted
    /// A new version was sealed; nothing is written.
    case valueSealed
    /// A new version is durable; nobody was told.
    case valueCommitted
    /// A version's new state is durable; nobody was told.
    case versionChanged
    /// A definition's change is durable; nobody was told.
    case definitionChanged

    /// A reference to a value is durable; nobody has it.
    case wrapKept
    /// The opening of a reference is durable; nobody has the value.
    case wrapOpened

    /// Many values were sealed; nothing is written.
    case importPlanned
    /// Many values are durable; nobody was told.
    case importCommitted
    /// The copy of the database is made; nothing was sent.
    case backupCopied
    /// A restored database was checked; nothing is in place.
    case restoreVerified
    /// The archives are in place; the database is not.
    case restoreArchivesPlaced

    /// A plan of rotations is durable.
    case rotationPlanned
    /// That somebody asked for a rotation is durable; nothing is made.
    case rotationRequested
    /// A rotation's new value is sealed; nothing is written.
    case rotationSealed
    /// A rotation's new version is durable; nobody was told of it.
    case rotationPrepared
    /// The webhook has agreed; the version is not current.
    case rotationAnnounced
    /// The new version is current; nobody was told.
    case rotationActivated
    /// That a rotation failed is durable; nobody was told.
    case rotationFailed
    /// A version that was made is erased before it became current.
    case rotationAbandoned
    /// A client's new secret is durable; the client does not have it.
    case clientSecretRotated

    /// The start of a connection is durable; nobody was told.
    case connectionStarted
    /// A provider's answer, brought by a browser, is durable; nobody was told.
    case connectionAnswered
    /// A provider's answer is spent; the provider was not asked.
    case connectionClaimed
    /// A provider gave its first tokens; nothing is written.
    case connectionRedeemed
    /// A new connection is durable; nobody was told.
    case connectionKept
    /// A provider is about to be asked for a new access token.
    case refreshAsked
    /// A provider gave a new access token; nothing is written.
    case refreshAnswered
    /// A new access token is durable; nobody has it.
    case refreshCommitted
    /// That a connection is broken is durable; nobody was told.
    case connectionBroken
    /// A provider has taken its tokens back; nothing is written.
    case connectionRevoked
    /// The end of a connection is durable; nobody was told.
    case connectionDropped

    /// A new term is durable; nothing is sealed with it.
    case rotateTermCommitted
    /// Boxes were sealed anew; nothing is written.
    case resealBatchSealed
    /// Boxes that were sealed anew are durable.
    case resealBatchCommitted
    /// An old term is gone from the database; the keyring in memory has it.
    case termRemoved
    /// The next root key file is durable; the database does not know it.
    case rekeyKeyFileWritten
    /// The database knows the new root key alone; the files are as before.
    case rekeyCommitted
    /// The new root key file is in its place, or the old one is removed.
    case rekeyKeyFilePlaced

    /// Passes, or ends the process when this is the step under test.
    package func pass() {
        #if DEBUG
            if rawValue == Self.chosen { _ = kill(getpid(), SIGKILL) }
        #endif
    }

    #if DEBUG
        private static let chosen: String? = unsafe getenv("LEGATE_FAULT").map { unsafe String(cString: $0) }
    #endif
}
