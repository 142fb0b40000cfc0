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
