/// One term of the keyring as it lies in the database: its key, sealed under the root key.
package struct WrappedTerm: Sendable, Equatable {
    /// The term's number, from 1. The highest is the active one.
    package let number: Int
    /// The slot of the root key.
    package let slot: String
    /// The term's key in a box that only the root key opens, and only under this number.
    package let box: [UInt8]
    /// When the term was made, in milliseconds since 1970.
    package let createdAt: Int64

    package init(number: Int, slot: String = RootKeySlot.unnamed, box: [UInt8], createdAt: Int64) {
        self.number = number
        self.slot = slot
        self.box = box
        self.createdAt = createdAt
    }

    /// Seals a term's key under the root key.
    ///
    /// - Parameter slot: the root key's slot; when nil, the one that is named after it.
    init(
        wrapping key: Secret, number: Int, rootKey: RootKey, slot: String? = nil, now: Int64
    ) throws(VaultError) {
        defer { wipeFreedMemory() }
        do {
            box = try key.withBytes { bytes in
                try SealedBox(sealing: bytes, term: number, key: rootKey.secret, at: Self.place(number)).bytes
            }
        } catch let error as VaultError {
            throw error
        } catch {
            throw .cannotSeal(place: Self.place(number).description)
        }
        self.number = number
        self.slot = slot ?? rootKey.fingerprint
        createdAt = now
    }

    /// The term's key.
    ///
    /// - Throws: `VaultError.cannotUnwrapTerm` when the root key is another one or the row was changed.
    func unwrap(rootKey: RootKey) throws(VaultError) -> Secret {
        guard UInt32(exactly: number) ?? 0 > 0 else { throw .termOutOfRange(number) }
        defer { wipeFreedMemory() }
        do {
            let sealed = try SealedBox(bytes: box)
            let key = try sealed.open(key: rootKey.secret, at: Self.place(number))
            guard sealed.term == number, key.count == Keyring.keyLength else { throw VaultError.malformedBox }
            return key
        } catch {
            throw .cannotUnwrapTerm(number)
        }
    }

    private static func place(_ number: Int) -> Place {
        Place(table: "keyring", row: String(number), purpose: "term key")
    }
}
