package import Vault

/// What an entry can do to the keys of the vault.
package enum KeyringChange: Sendable {
    /// A new term, before anything is sealed with it. Fails with `exists` when the number is taken.
    case addTerm(WrappedTerm)
    /// Fails with `stale` while a box is sealed under it. Nothing can be stored under it from then on.
    case removeTerm(Int, at: Timestamp)
    /// Another root key takes the place of all that are there. Fails with `stale` unless the stored terms are those
    /// that are wrapped.
    case replaceRootKey(RootKeySwap)
    /// The files of root keys are as the database says.
    case rootKeyFilesSettled
    /// Boxes that were sealed anew. One that was changed in the meantime is left as it is.
    case reseal([ResealedBox])
}

/// One root key for another.
package struct RootKeySwap: Sendable {
    package let slot: RootKeySlot
    /// The slot that goes: the only one.
    package let replaces: String
    /// Every term, wrapped by the new root key.
    package let terms: [WrappedTerm]
    /// The fingerprint of a root key whose file has still to be replaced or removed.
    package let leftover: String?

    package init(slot: RootKeySlot, replacing old: String, terms: [WrappedTerm], leftover: String?) {
        self.slot = slot
        replaces = old
        self.terms = terms
        self.leftover = leftover
    }
}

/// A sealed box with where it lies, as storage hands it over for sealing it anew.
package struct StoredBox: Sendable {
    package let place: Place
    /// Storage's number of the row.
    package let row: Int64
    package let box: [UInt8]

    package init(place: Place, row: Int64, box: [UInt8]) {
        self.place = place
        self.row = row
        self.box = box
    }
}

/// A box in the place of another that held the same.
package struct ResealedBox: Sendable {
    package let old: StoredBox
    package let box: [UInt8]

    package init(old: StoredBox, box: [UInt8]) {
        self.old = old
        self.box = box
    }
}
