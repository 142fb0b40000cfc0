/// Decrypts a backup, piece by piece.
///
/// What it hands out was checked, but whether the backup is whole is known only when `finish` returns. Until then,
/// nothing of it may be put in place.
package struct BackupOpener: ~Copyable {
    private let key: Secret
    private var number: UInt64 = 0
    private var waiting: [UInt8] = []

    init(key: Secret) {
        self.key = key
        waiting.reserveCapacity(BackupCipher.chunk * 2)
    }

    /// Takes more of the encrypted content.
    ///
    /// - Returns: what could be opened of it, which may be nothing.
    /// - Throws: `BackupError.damaged` when a bit was changed, or a chunk is not where it was.
    package mutating func open(_ bytes: [UInt8]) throws(BackupError) -> [UInt8] {
        waiting += bytes
        let full = BackupCipher.chunk + BackupCipher.tag
        var opened: [UInt8] = []
        var start = 0
        while waiting.count - start > full {
            opened += try chunk(waiting[start..<(start + full)], isLast: false)
            start += full
        }
        waiting.removeFirst(start)
        return opened
    }

    /// Opens the last chunk.
    ///
    /// - Throws: `BackupError.damaged` when what was the last one is not the end: the backup was cut, or
    ///   something was put behind it.
    package consuming func finish() throws(BackupError) -> [UInt8] { try chunk(waiting[...], isLast: true) }

    private mutating func chunk(_ sealed: ArraySlice<UInt8>, isLast: Bool) throws(BackupError) -> [UInt8] {
        do {
            let opened = try BackupCipher.open(sealed, nonce: BackupCipher.nonce(number, isLast: isLast), key: key)
            // Only an empty content has an empty chunk: otherwise there would be two encodings of the same.
            guard !opened.isEmpty || number == 0 else { throw BackupError.damaged(chunk: number) }
            number += 1
            return opened
        } catch {
            throw .damaged(chunk: number)
        }
    }
}
