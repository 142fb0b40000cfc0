import Crypto
import FoundationEssentials
import Synchronization

/// Files that are looked at again and again: tells what is new in them, and once what is wrong with them.
final class WatchedFiles: Sendable {
    /// A file, and the option that names it.
    struct File: Sendable {
        let option: String
        let path: String
    }

    enum Look: Sendable {
        case unchanged
        /// What stands in the files now, in their order.
        case changed([[UInt8]])
        case refused(TLSFault)
    }

    private struct State {
        /// Of what was read last. The key itself is not kept here.
        var digest: [UInt8]
        /// Why the files could not be read the last time.
        var fault: TLSFault?
    }

    /// More than any chain or list of authorities that somebody means to have.
    private static let maximumSize = 1024 * 1024

    private let files: [File]
    private let state: Mutex<State>
    /// What stood in the files at first.
    let first: [[UInt8]]

    init(_ files: [File]) throws(TLSFault) {
        self.files = files
        first = try Self.read(files)
        state = Mutex(State(digest: Self.digest(of: first)))
    }

    /// Reads the files. Blocking.
    func look() -> Look {
        let contents: [[UInt8]]
        do throws(TLSFault) {
            contents = try Self.read(files)
        } catch {
            let isNew = state.withLock { state in
                defer { state.fault = error }
                return state.fault != error
            }
            return isNew ? .refused(error) : .unchanged
        }
        let digest = Self.digest(of: contents)
        let isNew = state.withLock { state in
            defer { state.digest = digest }
            state.fault = nil
            return state.digest != digest
        }
        return isNew ? .changed(contents) : .unchanged
    }

    private static func read(_ files: [File]) throws(TLSFault) -> [[UInt8]] {
        var contents: [[UInt8]] = []
        for file in files {
            guard let data = FileManager.default.contents(atPath: file.path) else {
                throw TLSFault(file.option, "cannot be read: \(file.path)")
            }
            guard data.count <= maximumSize else {
                throw TLSFault(file.option, "is larger than \(maximumSize) bytes: \(file.path)")
            }
            contents.append(Array(data))
        }
        return contents
    }

    private static func digest(of contents: [[UInt8]]) -> [UInt8] {
        var hash = SHA256()
        for part in contents { hash.update(data: Array(SHA256.hash(data: part))) }
        return Array(hash.finalize())
    }
}

/// What came of looking at files again.
package enum TLSReload: Sendable, Equatable {
    case unchanged, changed
    /// What was wrong; the old ones stay.
    case refused(TLSFault)
}

/// A file that TLS cannot be served with: the option that names it, and what is wrong with it.
package struct TLSFault: Error, Sendable, Equatable, CustomStringConvertible {
    package let option: String
    package let reason: String

    init(_ option: String, _ reason: String) {
        self.option = option
        self.reason = reason
    }

    package var description: String { "\(option): \(reason)" }
}
