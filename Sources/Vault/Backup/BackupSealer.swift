/// Encrypts a backup, piece by piece: only one chunk is in memory.
package struct BackupSealer: ~Copyable {
    private let key: Secret
    private var number: UInt64 = 0
    private var waiting: [UInt8] = []

    init(key: Secret) {
        self.key = key
        waiting.reserveCapacity(BackupCipher.chunk * 2)
    }

    /// Takes more of the content.
    ///
    /// - Returns: what can be written of it, which may be nothing.
    package mutating func seal(_ bytes: [UInt8]) throws(BackupError) -> [UInt8] {
        waiting += bytes
        var sealed: [UInt8] = []
        var start = 0
        // The last chunk is known only at the end, so a full one waits until something comes behind it.
        while waiting.count - start > BackupCipher.chunk {
            sealed += try chunk(waiting[start..<(start + BackupCipher.chunk)], isLast: false)
            start += BackupCipher.chunk
        }
        waiting.removeFirst(start)
        return sealed
    }

    /// Ends the content.
    ///
    /// - Returns: the rest, which is never empty.
    package consuming func finish() throws(BackupError) -> [UInt8] { try chunk(waiting[...], isLast: true) }

    private mutating func chunk(_ plaintext: ArraySlice<UInt8>, isLast: Bool) throws(BackupError) -> [UInt8] {
        do {
            let sealed = try BackupCipher.seal(
                plaintext, nonce: BackupCipher.nonce(number, isLast: isLast), key: key
            )
            number += 1
            return sealed
        } catch {
            throw .cannotSeal
        }
    }
}
