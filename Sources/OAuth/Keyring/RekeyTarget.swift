package import JOSE
package import Vault

/// What is to open the vault from now on.
package enum RekeyTarget: Sendable {
    /// A root key that the server makes, in the file where it looks for it.
    case newFile
    /// A root key that the operator made, in the same file.
    case rootKey(RootKey)
    case passphrase(Secret, Argon2Cost)

    /// Reads the body of a request: `root_key`, or `passphrase` with `argon2_memory_kib`, `argon2_passes` and
    /// `argon2_lanes`, or nothing.
    ///
    /// - Throws: `InvalidDocument` naming the member that is not acceptable.
    package init(_ document: JSONObject) throws {
        var reader = DocumentReader(document)
        let key = reader.text("root_key")
        let passphrase = reader.text("passphrase", limit: RootKey.passphraseLength.upperBound)
        let memory = reader.count("argon2_memory_kib", in: Argon2Cost.memory)
        let passes = reader.count("argon2_passes", in: Argon2Cost.passRange)
        let lanes = reader.count("argon2_lanes", in: Argon2Cost.laneRange)
        try reader.finish()
        if let key {
            guard passphrase == nil else { throw InvalidDocument("root_key", "does not go with a passphrase") }
            do {
                self = .rootKey(try RootKey(text: Secret(Array(key.utf8)), name: "root_key"))
            } catch {
                throw InvalidDocument("root_key", "must be 43 characters of base64url, which are 32 bytes")
            }
        } else if let passphrase {
            guard RootKey.passphraseLength.contains(passphrase.utf8.count) else {
                let range = RootKey.passphraseLength
                throw InvalidDocument("passphrase", "must have \(range.lowerBound) to \(range.upperBound) bytes")
            }
            let standard = Argon2Cost.standard
            self = .passphrase(
                Secret(Array(passphrase.utf8)),
                try Argon2Cost(
                    memoryKiB: memory ?? standard.memoryKiB, passes: passes ?? standard.passes,
                    lanes: lanes ?? standard.lanes
                )
            )
            return
        } else {
            self = .newFile
        }
        for (name, value) in [("argon2_memory_kib", memory), ("argon2_passes", passes), ("argon2_lanes", lanes)]
        where value != nil { throw InvalidDocument(name, "belongs to a passphrase") }
    }
}
