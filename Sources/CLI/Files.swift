import Foundation
import JOSE

/// What the commands read from files and standard input. Secrets and tokens come in here and nowhere else.
enum Files {
    /// The content of a file, or nil when it cannot be read.
    static func contents(_ path: String) -> [UInt8]? {
        FileManager.default.contents(atPath: path).map { Array($0) }
    }

    /// Whether there is a file that group or others may read; standard input (`-`) is none.
    static func isReadableByOthers(_ path: String) -> Bool {
        guard path != "-" else { return false }
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: target),
            attributes[.type] as? FileAttributeType == .typeRegular,
            let mode = attributes[.posixPermissions] as? Int
        else { return false }
        return mode & 0o077 != 0
    }

    /// The content of a file, or of standard input for `-`.
    static func read(_ path: String) throws(CommandFailure) -> [UInt8] {
        if path == "-" {
            do {
                return Array(try FileHandle.standardInput.readToEnd() ?? Data())
            } catch {
                throw CommandFailure("cannot read standard input: \(error.localizedDescription)")
            }
        }
        guard let bytes = contents(path) else { throw CommandFailure("cannot read \(path)") }
        return bytes
    }

    /// One secret or token, without the white space around it.
    static func word(_ path: String, what: String) throws(CommandFailure) -> String {
        // Somebody may give the word itself: it is not said again, and other users of the machine can see it already.
        guard path == "-" || FileManager.default.isReadableFile(atPath: path) else {
            throw CommandFailure(
                "there is no such file: name one that holds the \(what), or - for standard input; never the \(what) itself"
            )
        }
        let text = String(decoding: try read(path), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        let source = path == "-" ? "standard input" : path
        guard !text.isEmpty else { throw CommandFailure("\(source) holds no \(what)") }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw CommandFailure("\(source) holds more than one \(what)")
        }
        return text
    }

    /// A key set or one key. It is checked here, so that private key material never leaves the machine.
    static func keySet(_ path: String) throws(CommandFailure) -> JSON {
        let source = path == "-" ? "standard input" : path
        let json: JSON
        do {
            json = try JSON(parsing: try read(path))
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure("\(source) is not JSON: \(error)")
        }
        do {
            _ = try JWKSet(json: json)
        } catch {
            throw CommandFailure("\(source) is not a usable public key set: \(error)")
        }
        return json
    }
}
