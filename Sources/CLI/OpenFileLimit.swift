import Glibc
import Server

/// As many open files as the system allows: each connection is one.
enum OpenFileLimit {
    /// Files that the server needs beside its connections: the database, outbound connections, the log.
    private static let reserve = 256

    /// Asks for all that may be had.
    ///
    /// - Returns: how many files may be open; nil for no limit.
    static func raise() -> Int? {
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard unsafe getrlimit(files, &limit) == 0 else { return nil }
        if limit.rlim_cur < limit.rlim_max {
            let before = limit.rlim_cur
            limit.rlim_cur = limit.rlim_max
            if unsafe setrlimit(files, &limit) != 0 { limit.rlim_cur = before }
        }
        return limit.rlim_cur == .max ? nil : Int(clamping: limit.rlim_cur)
    }

    /// The limits that hold when so many files may be open.
    static func fit(_ limits: ConnectionLimits, into files: Int?) -> ConnectionLimits {
        guard let files else { return limits }
        let room = max(16, files - reserve)
        guard limits.connections > room else { return limits }
        var fitted = limits
        fitted.connections = room
        fitted.perAddress = min(limits.perAddress, room)
        return fitted
    }
}
