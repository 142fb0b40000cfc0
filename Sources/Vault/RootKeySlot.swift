/// A root key that opens the vault, as the database knows it: everything but the key.
///
/// Every term of the keyring is wrapped under the root key of each slot, so that a root key can be exchanged without
/// touching what is sealed.
package struct RootKeySlot: Sendable, Equatable {
    /// Where the root key comes from.
    package enum Kind: Sendable, Equatable {
        /// 32 random bytes in a file.
        case file
        /// What Argon2id makes of a passphrase and this salt. A changed salt or cost makes another key, which opens
        /// nothing.
        case passphrase(salt: [UInt8], cost: Argon2Cost)
    }

    /// The root key's fingerprint, or `unnamed`.
    package let id: String
    package let kind: Kind
    /// In milliseconds since 1970.
    package let createdAt: Int64

    /// The slot of a database that was made before root keys had names: it has a root key file, never seen since.
    package static let unnamed = "unnamed"

    package init(id: String, kind: Kind, createdAt: Int64) {
        self.id = id
        self.kind = kind
        self.createdAt = createdAt
    }

    package var isPassphrase: Bool {
        if case .passphrase = kind { true } else { false }
    }

    /// The word for its kind, in documents and in the database.
    package var kindName: String { isPassphrase ? "passphrase" : "file" }
}
