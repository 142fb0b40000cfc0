internal import Crypto
internal import FoundationEssentials

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Key bytes that live as long as the vault is open, on a page of memory of their own.
///
/// Where the system permits it the page is locked, so that it is never written to swap, and it is left out of core
/// dumps. It is overwritten when the last holder drops it. What uses the key takes a `Secret` for one operation, which
/// is wiped right after; the storage of swift-crypto's keys cannot be locked.
@safe final class LockedBytes: @unchecked Sendable, Redacted {
    // Written once, before anyone else has the object.
    private let memory: UnsafeMutableRawBufferPointer
    private let count: Int
    private let isMapped: Bool
    /// Whether the page stays out of swap. Not having the right, or no more room, is no error: the key is needed.
    let isLocked: Bool

    /// Takes a copy; the original goes with its last holder.
    init(_ secret: Secret) {
        count = secret.count
        let page = max(Int(sysconf(Int32(_SC_PAGESIZE))), count, 1)
        let mapped = unsafe mmap(nil, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        if let start = unsafe mapped, unsafe start != MAP_FAILED {
            unsafe memory = UnsafeMutableRawBufferPointer(start: start, count: page)
            isMapped = true
            isLocked = unsafe mlock(start, page) == 0
            #if os(Linux)
                _ = unsafe madvise(start, page, Int32(MADV_DONTDUMP))
            #endif
        } else {
            unsafe memory = .allocate(byteCount: page, alignment: 16)
            isMapped = false
            isLocked = false
        }
        secret.withBytes { bytes in
            unsafe bytes.withUnsafeBytes { unsafe memory.copyMemory(from: $0) }
        }
    }

    deinit {
        unsafe wipe(memory)
        if isMapped {
            if isLocked { _ = unsafe munlock(memory.baseAddress, memory.count) }
            _ = unsafe munmap(memory.baseAddress, memory.count)
        } else {
            unsafe memory.deallocate()
        }
    }

    /// A copy for one operation.
    var secret: Secret {
        unsafe Secret(copying: UnsafeRawBufferPointer(rebasing: memory[..<count]))
    }
}
