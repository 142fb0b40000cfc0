package import JOSE
package import Vault

extension SigningKeys {
    /// Opens the sealed keys.
    package convenience init(opening stored: [StoredSigningKey], with barrier: Barrier) throws {
        var held: [Held] = []
        var erased: [Erased] = []
        for row in stored {
            guard let algorithm = SignatureAlgorithm(rawValue: row.algorithm) else { throw VaultError.malformedBox }
            let box = try SealedBox(bytes: row.box)
            if row.erasedAt == nil {
                let secret = try barrier.open(box, at: Self.place(of: row.keyID))
                let key = try secret.withBytes { try SigningKey(algorithm: algorithm, rawRepresentation: $0) }
                held.append(Held(stored: row, key: key))
            } else {
                let text = try barrier.open(box, at: Self.placeOfPublicHalf(of: row.keyID))
                let key = try text.withBytes { try JWK(json: try JSON(parsing: $0)) }
                guard key.keyID == row.keyID, key.thumbprint == row.keyID, key.algorithm == algorithm else {
                    throw VaultError.malformedBox
                }
                erased.append(Erased(stored: row, publicKey: key))
            }
        }
        self.init(held, erased: erased)
    }

    /// Makes a key and seals it for storage. For RSA that takes long: use `forge` where others wait.
    package static func make(
        _ algorithm: SignatureAlgorithm, barrier: Barrier, createdAt: Timestamp, activeFrom: Timestamp
    ) throws -> Held {
        try keep(
            try SigningKey.generate(algorithm), .made, barrier: barrier, createdAt: createdAt, activeFrom: activeFrom
        )
    }

    /// The same, with long work on a thread of its own.
    ///
    /// - Throws: `KeyWorkBusy`.
    static func forge(
        _ algorithm: SignatureAlgorithm, barrier: Barrier, createdAt: Timestamp, activeFrom: Timestamp
    ) async throws -> Held {
        let key =
            switch algorithm {
            case .es256, .ed25519: try SigningKey.generate(algorithm)
            case .rs256, .ps256: try await KeyWork.shared.run { try SigningKey.generate(algorithm) }
            }
        return try keep(key, .made, barrier: barrier, createdAt: createdAt, activeFrom: activeFrom)
    }

    /// Seals a key for storage.
    static func keep(
        _ key: SigningKey, _ origin: StoredSigningKey.Origin, barrier: Barrier, createdAt: Timestamp,
        activeFrom: Timestamp
    ) throws -> Held {
        let secret = Secret(key.rawRepresentation)
        let box = try secret.withBytes { try barrier.seal($0, at: place(of: key.keyID)) }
        return Held(
            stored: StoredSigningKey(
                keyID: key.keyID, algorithm: key.algorithm.rawValue, box: box.bytes, createdAt: createdAt,
                activeFrom: activeFrom, publicKey: JSON.object(key.publicKey.json).text, origin: origin
            ),
            key: key
        )
    }

    /// The public half of a key, sealed for the time when nothing else is left of it.
    static func sealedPublicHalf(of held: Held, barrier: Barrier) throws -> [UInt8] {
        let text = JSON.object(held.key.publicKey.json).text
        return try barrier.seal(Array(text.utf8), at: placeOfPublicHalf(of: held.stored.keyID)).bytes
    }

    private static func place(of keyID: String) -> Place {
        Place(table: "signing_keys", row: keyID, version: 1, purpose: "private-key")
    }

    private static func placeOfPublicHalf(of keyID: String) -> Place {
        Place(table: "retired_keys", row: keyID, version: 1, purpose: "public-key")
    }
}
