import JOSE

/// Reads what OpenBao's `bao kv get -format=json` prints of secrets in a KV engine, version 2.
///
/// That output does not say which secret it is of. So each comes as the only member of an object that has the path for
/// a name, `{"payments/stripe": …}`, one behind the other or all in one object; or one alone, and the prefix is its
/// path. Every field of a secret becomes a secret of its own below the path.
enum OpenBaoSecrets {
    static func read(_ bytes: [UInt8], into file: inout ImportFile) {
        for (index, document) in JSONSequence(bytes).enumerated() {
            let place = "document \(index + 1)"
            let json: JSON
            do {
                json = try JSON(parsing: Array(document), limits: JSONSecrets.limits)
            } catch {
                file.refuse(place, "is not JSON: \(error)")
                continue
            }
            guard let object = json.object else {
                file.refuse(place, "is no secret: a listing has names only, get each secret and put it behind its path")
                continue
            }
            if isSecret(object) {
                take(object, path: "", at: place, into: &file)
                continue
            }
            for member in object.members {
                let path = Printable.text(member.name)
                guard let secret = member.value.object, isSecret(secret) else {
                    file.refuse(path, "is not what bao kv get -format=json prints")
                    continue
                }
                take(secret, path: member.name.trimmingSlashes, at: path, into: &file)
            }
        }
    }

    private static func isSecret(_ object: JSONObject) -> Bool {
        object["request_id"]?.string != nil && object["data"]?.object?["metadata"]?.object?["version"] != nil
    }

    private static func take(_ secret: JSONObject, path: String, at place: String, into file: inout ImportFile) {
        let data = secret["data"]?.object?["data"]
        guard let fields = data?.object else {
            if data == nil || data == .null { return file.skip(place, "its newest version is deleted in OpenBao") }
            return file.refuse(place, "its data are not an object")
        }
        JSONSecrets.read(fields, under: path, into: &file)
    }
}

/// JSON texts one behind the other, with white space or nothing between.
///
/// It only finds where one ends; whether it is JSON is for the parser to say.
struct JSONSequence: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func next() -> ArraySlice<UInt8>? {
        rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        guard !rest.isEmpty else { return nil }
        var depth = 0
        var isText = false
        var isEscaped = false
        for index in rest.indices {
            let byte = rest[index]
            if isText {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isText = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isText = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth <= 0 {
                    defer { rest = rest[(index + 1)...] }
                    return rest[...index]
                }
            default: break
            }
        }
        defer { rest = [] }
        return rest
    }
}

extension String {
    /// Without slashes at either end, as OpenBao itself takes paths.
    fileprivate var trimmingSlashes: String {
        var text = self[...]
        while text.hasPrefix("/") { text.removeFirst() }
        while text.hasSuffix("/") { text.removeLast() }
        return String(text)
    }
}
