internal import Crypto
internal import FoundationEssentials

/// Where the trail ends: the number and hash of its last record.
package struct AuditHead: Sendable, Equatable {
    /// The last record's number; 0 when there is none yet.
    package let sequence: Int64
    /// The last record's hash, 32 bytes.
    package let hash: [UInt8]

    /// The head of an empty trail: number 0 and 32 zero bytes.
    package static let genesis = AuditHead(sequence: 0, hash: [UInt8](repeating: 0, count: 32))

    package init(sequence: Int64, hash: [UInt8]) {
        self.sequence = sequence
        self.hash = hash
    }

    /// The 32 bytes that authenticate the head (HMAC-SHA-256 over number and hash).
    ///
    /// They are kept in one row that every commit rewrites: a trail that was cut no longer matches it.
    package func mac(key: AuditKey) -> [UInt8] {
        Array(code(key))
    }

    /// Whether the stored bytes authenticate this head; compared in constant time.
    package func matches(mac: [UInt8], key: AuditKey) -> Bool {
        code(key) == mac
    }

    private func code(_ key: AuditKey) -> HMAC<SHA256>.MAC {
        var message: [UInt8] = []
        message.reserveCapacity(48)
        message.append(bigEndian: sequence)
        message.append(contentsOf: hash)
        return HMAC<SHA256>.authenticationCode(for: message, using: key.secret.key)
    }
}
