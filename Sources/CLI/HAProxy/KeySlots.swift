import Foundation
import JOSE

/// The files from which HAProxy takes its keys: it reads them when it starts, under names that stand in its
/// configuration. So there are four places, and a map that says which `kid` is in which.
struct KeySlots: Sendable {
    static let count = 4
    static let mapName = "keys.map"

    private let directory: String
    /// `kid` by place.
    private(set) var keyIDs: [Int: String] = [:]

    /// - Parameter directory: what it holds from an earlier run is taken up, so that keys stay where they are.
    init(directory: String) {
        self.directory = directory
        let lines = Files.contents(directory + "/" + Self.mapName).map { String(decoding: $0, as: UTF8.self) } ?? ""
        for line in lines.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, let keyID = words.first, let slot = words.last.flatMap({ Int($0) }),
                (0..<Self.count).contains(slot)
            else { continue }
            keyIDs[slot] = String(keyID)
        }
    }

    static func file(_ slot: Int) -> String { "key-\(slot).pem" }

    /// What has changed.
    struct Change: Equatable {
        /// Keys that must not verify anything any more.
        var removed: [String] = []
        /// Whether HAProxy must read its files again.
        var isReloadNeeded = false
        /// Keys for which there was no place.
        var left = 0
    }

    /// Writes the keys that HAProxy can use: those for ES256.
    mutating func write(_ keys: JWKSet) throws -> Change {
        var wanted: [String: String] = [:]
        var order: [String] = []
        for key in keys.keys where key.fits(.es256) {
            guard let keyID = key.keyID, let pem = key.pem, Self.isWord(keyID) else { continue }
            wanted[keyID] = pem.hasSuffix("\n") ? pem : pem + "\n"
            order.append(keyID)
        }
        var change = Change()
        for (slot, keyID) in keyIDs where wanted[keyID] == nil {
            keyIDs[slot] = nil
            change.removed.append(keyID)
        }
        for keyID in order where !keyIDs.values.contains(keyID) {
            guard let free = (0..<Self.count).first(where: { keyIDs[$0] == nil }) else {
                change.left += 1
                continue
            }
            keyIDs[free] = keyID
        }
        // HAProxy does not start when one of the files is missing; the map never leads to a copy.
        let filler = order.first.flatMap { wanted[$0] }
        for slot in 0..<Self.count {
            guard let pem = keyIDs[slot].flatMap({ wanted[$0] }) ?? filler else { continue }
            let isChanged = try Self.replace(directory + "/" + Self.file(slot), with: pem)
            // What stands in an empty place is looked at by nobody.
            if isChanged, keyIDs[slot] != nil { change.isReloadNeeded = true }
        }
        let map = keyIDs.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)\n" }.joined()
        if try Self.replace(directory + "/" + Self.mapName, with: map) { change.isReloadNeeded = true }
        return change
    }

    /// Puts a file in place at once and as a whole.
    ///
    /// - Returns: false when it was so already.
    private static func replace(_ path: String, with text: String) throws -> Bool {
        if let old = Files.contents(path), old == Array(text.utf8) { return false }
        try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        return true
    }

    /// A key id that can stand in a map file and a command as it is.
    private static func isWord(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
