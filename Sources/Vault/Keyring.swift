/// The keys that seal what the database holds, each called a term.
///
/// The highest term is active and seals; the older ones only open what they once sealed. Every box names its term, so
/// adding one needs no rewriting. A keyring is a value: adding a term makes a new ring, and whoever holds the old one
/// is not disturbed. A term's nonces are random, so add a new term well before 2³² boxes (NIST SP 800-38D, 8.3).
package struct Keyring: Sendable {
    static let keyLength = 32

    /// In ascending order of number; never empty.
    private let keys: [(number: Int, createdAt: Int64, key: LockedBytes)]
    /// The number of the term that seals.
    package let activeTerm: Int

    /// The numbers of all terms, oldest first.
    package var terms: [Int] { keys.map(\.number) }

    /// Makes a ring with its first term.
    ///
    /// - Parameter now: milliseconds since 1970.
    /// - Returns: the ring, and the row to store for it.
    package static func create(rootKey: RootKey, now: Int64) throws(VaultError) -> (Keyring, WrappedTerm) {
        let key = Secret.random(count: keyLength)
        let wrapped = try WrappedTerm(wrapping: key, number: 1, rootKey: rootKey, now: now)
        return (Keyring(keys: [(1, now, LockedBytes(key))], activeTerm: 1), wrapped)
    }

    /// Opens a stored ring. The rows may come in any order.
    ///
    /// - Throws: `VaultError.noTerms`, `.repeatedTerm`, `.termOutOfRange`, or `.cannotUnwrapTerm` when the root key is
    ///   not the one that the ring was made with.
    package init(rootKey: RootKey, terms: [WrappedTerm]) throws(VaultError) {
        var keys: [(number: Int, createdAt: Int64, key: LockedBytes)] = []
        for term in terms.sorted(by: { $0.number < $1.number }) {
            guard keys.last?.number != term.number else { throw .repeatedTerm(term.number) }
            keys.append((term.number, term.createdAt, LockedBytes(try term.unwrap(rootKey: rootKey))))
        }
        guard let active = keys.last?.number else { throw .noTerms }
        self.keys = keys
        activeTerm = active
    }

    /// A ring without any key, for a server that was sealed: it seals and opens nothing.
    package static let forgotten = Keyring(keys: [], activeTerm: 0)

    private init(keys: [(number: Int, createdAt: Int64, key: LockedBytes)], activeTerm: Int) {
        self.keys = keys
        self.activeTerm = activeTerm
    }

    /// A ring with one more term, which is the active one.
    ///
    /// - Parameter now: milliseconds since 1970.
    /// - Returns: the new ring, and the row to store before anything is sealed with it.
    package func addingTerm(
        rootKey: RootKey, slot: String? = nil, now: Int64
    ) throws(VaultError) -> (Keyring, WrappedTerm) {
        let (number, overflow) = activeTerm.addingReportingOverflow(1)
        guard !overflow else { throw .termOutOfRange(activeTerm) }
        let key = Secret.random(count: Self.keyLength)
        let wrapped = try WrappedTerm(wrapping: key, number: number, rootKey: rootKey, slot: slot, now: now)
        return (Keyring(keys: keys + [(number, now, LockedBytes(key))], activeTerm: number), wrapped)
    }

    /// A ring with one more term, wrapped by the root key that opened this one.
    package func addingTerm(by held: HeldRootKey, now: Int64) throws(VaultError) -> (Keyring, WrappedTerm) {
        try addingTerm(rootKey: held.key, slot: held.slot.id, now: now)
    }

    /// A ring without an old term: what it sealed does not open any more. The active term stays.
    package func removingTerm(_ number: Int) -> Keyring {
        number == activeTerm ? self : Keyring(keys: keys.filter { $0.number != number }, activeTerm: activeTerm)
    }

    /// Every term, wrapped by another root key; what is sealed stays as it is.
    package func wrapped(by rootKey: HeldRootKey) throws(VaultError) -> [WrappedTerm] {
        var rows: [WrappedTerm] = []
        for (number, createdAt, key) in keys {
            rows.append(
                try WrappedTerm(
                    wrapping: key.secret, number: number, rootKey: rootKey.key, slot: rootKey.slot.id, now: createdAt
                )
            )
        }
        return rows
    }

    /// Whether all keys stay out of swap.
    package var isLocked: Bool { keys.allSatisfy { $0.key.isLocked } }

    /// Seals a value for its place with the active term.
    package func seal(_ plaintext: [UInt8], at place: Place) throws(VaultError) -> SealedBox {
        try SealedBox(sealing: plaintext, term: activeTerm, key: key(of: activeTerm), at: place)
    }

    /// Opens a box at the place it was sealed for.
    ///
    /// - Throws: `VaultError.unknownTerm`, or `.cannotOpen` when the box was changed or comes from another place.
    package func open(_ box: SealedBox, at place: Place) throws(VaultError) -> Secret {
        try box.open(key: key(of: box.term), at: place)
    }

    func key(of term: Int) throws(VaultError) -> Secret {
        guard let found = keys.first(where: { $0.number == term }) else { throw .unknownTerm(term) }
        return found.key.secret
    }
}
