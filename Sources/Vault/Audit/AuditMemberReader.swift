internal import JOSE

/// Reads an object member by member, each at most once, and at the end refuses what nobody asked for.
struct AuditMemberReader {
    private let object: JSONObject
    private var read: [String] = []

    init(_ object: JSONObject) {
        self.object = object
    }

    mutating func string(_ name: String) throws(VaultError) -> String? {
        switch take(name) {
        case nil: nil
        case .string(let text): text
        default: throw .malformedRecord(member: name)
        }
    }

    mutating func integer(_ name: String) throws(VaultError) -> Int64? {
        switch take(name) {
        case nil: nil
        case .integer(let number): number
        default: throw .malformedRecord(member: name)
        }
    }

    mutating func object(_ name: String) throws(VaultError) -> JSONObject? {
        switch take(name) {
        case nil: nil
        case .object(let object): object
        default: throw .malformedRecord(member: name)
        }
    }

    /// JSON text that was embedded as a list, or kept as a string because it was none.
    mutating func embeddedList(_ name: String) throws(VaultError) -> String? {
        switch take(name) {
        case nil: return nil
        case .string(let text): return text
        case .array(let elements): return JSON.array(elements).text
        default: throw .malformedRecord(member: name)
        }
    }

    /// JSON text that was embedded as an object, or kept as a string because it was none.
    mutating func embedded(_ name: String) throws(VaultError) -> String? {
        switch take(name) {
        case nil: return nil
        case .string(let text): return text
        case .object(let object): return object.text
        default: throw .malformedRecord(member: name)
        }
    }

    /// 32 bytes in base64url.
    mutating func requiredHash(_ name: String) throws(VaultError) -> [UInt8] {
        guard let bytes = Base64URL.decode(try requiredString(name)), bytes.count == 32 else {
            throw .malformedRecord(member: name)
        }
        return bytes
    }

    mutating func requiredString(_ name: String) throws(VaultError) -> String {
        guard let text = try string(name) else { throw .malformedRecord(member: name) }
        return text
    }

    mutating func requiredInteger(_ name: String) throws(VaultError) -> Int64 {
        guard let number = try integer(name) else { throw .malformedRecord(member: name) }
        return number
    }

    /// - Throws: `VaultError.malformedRecord` naming the first member that was not read.
    func finish() throws(VaultError) {
        guard read.count < object.count else { return }
        let unknown = object.members.first { !read.contains($0.name) }
        throw .malformedRecord(member: unknown?.name ?? "")
    }

    private mutating func take(_ name: String) -> JSON? {
        guard let value = object[name] else { return nil }
        read.append(name)
        return value
    }
}
