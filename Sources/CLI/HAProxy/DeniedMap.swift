import Crypto
import Foundation
import Revocations

/// What HAProxy's map of denied ids has to hold, and the commands that bring it there.
///
/// A key is the hash of `KIND:ID`, which HAProxy makes with `sha2(256),base64`: ids of users may hold anything, and its
/// commands are words. The value is `issued_before`, to be compared with `iat`. Two more entries say how long the map
/// may be believed, and whether the process that answers has it at all.
struct DeniedMap: Sendable {
    /// Seconds since 1970 at which HAProxy stops to accept anything, unless it has been told otherwise by then.
    static let openUntil = "open-until"
    /// A number that a freshly started HAProxy does not have.
    static let epoch = "epoch"
    /// Seconds for which a tombstone stays when it has expired, should the time of day be set back.
    private static let afterlife: Int64 = 60

    private struct Tombstone {
        var issuedBefore: Int64
        var expires: Int64
    }

    /// The file of the map; it is also its name in the runtime API.
    let file: String
    private var tombstones: [String: Tombstone] = [:]

    init(file: String) { self.file = file }

    var count: Int { tombstones.count }

    /// What stands for an id in the map.
    static func key(_ kind: Revocation.Kind, _ id: String) -> String {
        Data(SHA256.hash(data: Array("\(kind.rawValue):\(id)".utf8))).base64EncodedString()
    }

    /// Takes tombstones, and gives the commands for what they change.
    mutating func take(_ revocations: [Revocation]) -> [String] {
        revocations.compactMap { revocation in
            let key = Self.key(revocation.kind, revocation.id)
            guard let old = tombstones[key] else {
                tombstones[key] = Tombstone(issuedBefore: revocation.issuedBefore, expires: revocation.expires)
                return "add map \(file) \(key) \(revocation.issuedBefore)"
            }
            tombstones[key] = Tombstone(
                issuedBefore: max(old.issuedBefore, revocation.issuedBefore),
                expires: max(old.expires, revocation.expires))
            guard revocation.issuedBefore > old.issuedBefore else { return nil }
            return "set map \(file) \(key) \(revocation.issuedBefore)"
        }
    }

    /// Forgets what no live token can carry any more, and gives the commands for that.
    mutating func prune(at now: Int64) -> [String] {
        let expired = tombstones.compactMap { $0.value.expires + Self.afterlife <= now ? $0.key : nil }
        for key in expired { tombstones[key] = nil }
        return expired.map { "del map \(file) \($0)" }
    }

    /// Everything, as lines of the map's file.
    func lines(openUntil: Int64, epoch: Int?) -> [String] {
        var lines = tombstones.map { "\($0.key) \($0.value.issuedBefore)" }
        if let epoch { lines.append("\(Self.epoch) \(epoch)") }
        // Last of all: the map may be believed when it is complete.
        lines.append("\(Self.openUntil) \(openUntil)")
        return lines
    }

    /// Commands joined into lines that HAProxy reads at once.
    static func joined(_ commands: [String], with separator: String) -> [String] {
        var joined: [String] = []
        var line = ""
        for command in commands {
            if !line.isEmpty, line.utf8.count + command.utf8.count + separator.utf8.count > HAProxySocket.longestCommand
            {
                joined.append(line)
                line = ""
            }
            line += line.isEmpty ? command : separator + command
        }
        if !line.isEmpty { joined.append(line) }
        return joined
    }
}
