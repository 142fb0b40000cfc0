package import JOSE
import Vault

extension KeyDesk {
    /// Takes a key of the operator's own into the line: it is published now, and signs once every cache has seen it.
    ///
    /// - Parameter draft: `file`, a key file in base64, and `passphrase`, which opens it.
    /// - Throws: `InvalidDocument`, saying what is wrong with the file and what would be accepted; `KeyWorkBusy`.
    package func bringIn(_ draft: JSONObject, by caller: Operator) async throws -> JSONObject {
        try caller.require(Self.writeScope)
        let key = try await read(draft)
        return try await keeper.takingTurns {
            let time = now()
            guard !keys.knows(key.keyID) else { throw Self.duplicate(key.keyID) }
            // Behind a successor that is published already: this one was asked for last.
            let line = keys.all(at: time).filter { $0.key.key.algorithm == key.algorithm && $0.status == .next }
            let successors = line.map { $0.key.stored.activeFrom.adding(seconds: 1) }
            let start = successors.reduce(time.adding(seconds: SigningKeys.publishedBeforeUse), max)
            let made = try SigningKeys.keep(
                key, .imported, barrier: keeper.custodian.barrier, createdAt: time, activeFrom: start
            )
            var event = caller.event(
                .keyImported, target: "key/\(made.stored.keyID)", rule: Self.writeScope, at: time)
            event.after = made.stored.summary.text
            do {
                try await keeper.publish(made, event)
            } catch CommitFailure.exists {
                throw Self.duplicate(key.keyID)
            }
            return Self.document(of: made.stored, .next)
        }
    }

    private static func duplicate(_ keyID: String) -> InvalidDocument {
        InvalidDocument("file", "holds the key \(keyID), which is or was one of ours: a key is brought once")
    }

    private func read(_ draft: JSONObject) async throws -> SigningKey {
        var reader = DocumentReader(draft)
        let file = reader.required(
            "file",
            reader.parsed("file", "a key file of 1 to \(KeyFile.longest) bytes in base64") { text in
                Self.decoded(text).flatMap { (1...KeyFile.longest).contains($0.count) ? $0 : nil }
            }
        )
        let passphrase = reader.required(
            "passphrase",
            reader.parsed("passphrase", "a text of 1 to 1024 bytes") { text in
                (1...1024).contains(text.utf8.count) ? Secret(Array(text.utf8)) : nil
            }
        )
        try reader.finish()
        guard let file, let passphrase else { throw InvalidDocument("file", "is required") }
        let opened: KeyFile
        do {
            opened = try await KeyFile.open(file, passphrase: passphrase)
        } catch let error as KeyFileError {
            throw InvalidDocument(error == .wrongPassphrase ? "passphrase" : "file", error.description)
        }
        do {
            return try opened.privateKey.withBytes {
                try SigningKey(algorithm: opened.kind.algorithm, rawRepresentation: $0)
            }
        } catch {
            throw InvalidDocument("file", KeyFileError.inconsistent.description)
        }
    }

    /// Both alphabets of RFC 4648, with or without padding.
    private static func decoded(_ text: String) -> [UInt8]? {
        guard text.utf8.count <= KeyFile.longest * 4 / 3 + 4 else { return nil }
        var bytes = text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            default: byte
            }
        }
        while bytes.last == UInt8(ascii: "=") { bytes.removeLast() }
        return Base64URL.decode(String(decoding: bytes, as: UTF8.self))
    }
}

extension KeyFile.Kind {
    fileprivate var algorithm: SignatureAlgorithm {
        switch self {
        case .p256: .es256
        case .ed25519: .ed25519
        case .rsa: .rs256
        }
    }
}
