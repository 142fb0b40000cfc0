import CZlib

/// DEFLATE in the zlib format (RFC 1950, RFC 1951), as status lists are written.
enum Deflate {
    /// zlib could not; its code says why.
    struct Failure: Error, Equatable {
        let code: Int32
    }

    static func compress(_ bytes: [UInt8]) throws(Failure) -> [UInt8] {
        var length = compressBound(uLong(bytes.count))
        var compressed = [UInt8](repeating: 0, count: Int(clamping: length))
        let code = unsafe compressed.withUnsafeMutableBufferPointer { target in
            unsafe bytes.withUnsafeBufferPointer { source in
                unsafe compress2(
                    target.baseAddress, &length, source.baseAddress, uLong(source.count), Z_BEST_COMPRESSION)
            }
        }
        guard code == Z_OK, length <= compressed.count else { throw Failure(code: code) }
        compressed.removeLast(compressed.count - Int(clamping: length))
        return compressed
    }
}
