#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Overwrites the bytes in place, in a way that the optimiser may not leave out.
///
/// The array must not be shared: a shared one is copied first, and only the copy is wiped.
func wipe(_ bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { unsafe wipe($0) }
}

/// Overwrites memory, in a way that the optimiser may not leave out.
func wipe(_ memory: UnsafeMutableRawBufferPointer) {
    guard let start = memory.baseAddress, memory.count > 0 else { return }
    #if canImport(Darwin)
        _ = unsafe memset_s(start, memory.count, 0, memory.count)
    #else
        unsafe explicit_bzero(start, memory.count)
    #endif
}

/// Overwrites what this thread has just given back to the allocator.
///
/// The cipher contexts of swift-crypto hold the expanded key, which begins with the key itself, and are freed as they
/// are. What is asked for next gets their place, so something of every size that they may have is asked for, and wiped.
func wipeFreedMemory() {
    var blocks: [UnsafeMutableRawBufferPointer] = unsafe []
    for size in stride(from: 128, through: 1280, by: 16) {
        for _ in 0..<16 { unsafe blocks.append(UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)) }
    }
    for index in unsafe blocks.indices {
        let block = unsafe blocks[index]
        unsafe wipe(block)
        unsafe block.deallocate()
    }
}
