import CProcess
import Glibc
import JOSE

/// What keeps the memory of the process from being read beside it: no core dumps, no debugger of the same user, no file
/// that others may read.
///
/// What the system does not grant is said in the log and in `vault status`; the server starts nevertheless.
enum ProcessHardening {
    /// What holds, as the system itself answers.
    struct Facts: Equatable {
        /// Whether a debugger of the same user may attach, and whether the kernel would dump the process.
        var isDumpable: Bool
        /// Bytes that a core file may have; nil for no limit.
        var coreLimit: UInt?
        /// Bytes that may be locked in memory; nil for no limit.
        var lockLimit: UInt?
        /// The mode bits that new files do not get.
        var umask: UInt32

        var isHardened: Bool { !isDumpable && coreLimit == 0 && umask & 0o077 == 0o077 }

        var document: JSONObject {
            [
                "hardened": .bool(isHardened),
                "dumpable": .bool(isDumpable),
                "core_limit": coreLimit.map { .integer(Int64(clamping: $0)) } ?? "unlimited",
                "lock_limit": lockLimit.map { .integer(Int64(clamping: $0)) } ?? "unlimited",
                "umask": .string("0" + String(umask, radix: 8)),
            ]
        }
    }

    /// Hardens this process. Do it before the first secret is read.
    ///
    /// - Parameter allowsCoreDumps: for developers with a debugger; only new files are protected then.
    static func apply(allowsCoreDumps: Bool = false) -> Facts {
        _ = Glibc.umask(0o077)
        if !allowsCoreDumps {
            _ = legate_set_dumpable(0)
            // The hard limit too: nothing that runs in this process can raise it again.
            var none = rlimit(rlim_cur: 0, rlim_max: 0)
            _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        }
        return facts()
    }

    static func facts() -> Facts {
        let mask = Glibc.umask(0o077)
        _ = Glibc.umask(mask)
        return Facts(
            isDumpable: legate_dumpable() != 0, coreLimit: limit(RLIMIT_CORE), lockLimit: limit(__RLIMIT_MEMLOCK),
            umask: UInt32(mask)
        )
    }

    /// The soft limit; nil when there is none.
    private static func limit(_ resource: __rlimit_resource) -> UInt? {
        var value = rlimit(rlim_cur: 0, rlim_max: 0)
        guard unsafe getrlimit(__rlimit_resource_t(resource.rawValue), &value) == 0 else { return 0 }
        return value.rlim_cur == rlim_t.max ? nil : UInt(value.rlim_cur)
    }
}
