import Hummingbird
import OAuth

extension AdminRequest {
    /// The name of a secret: the rest of the path, in which each segment is percent-decoded once.
    ///
    /// - Throws: 400 for what cannot be a name. A slash within a segment is refused, not taken for a separator.
    func secretName() throws -> SecretName {
        var segments: [String] = []
        for raw in context.parameters.getCatchAll() {
            guard let segment = raw.pathDecoded, !segment.utf8.contains(UInt8(ascii: "/")) else {
                throw InvalidDocument("name", "holds an escape that stands for no character of a name")
            }
            segments.append(segment)
        }
        guard let name = SecretName(segments.joined(separator: "/")) else {
            throw InvalidDocument("name", "must be \(SecretName.form)")
        }
        return name
    }

    /// The number of a version in the query, if there is one.
    func queriedVersion() throws -> Int? {
        guard let text = query("version") else { return nil }
        guard let version = Int(text), version >= 1 else {
            throw InvalidDocument("version", "must be the number of a version, from 1")
        }
        return version
    }

    /// Refuses a query that asks for more than the endpoint knows: what is not understood must not look obeyed.
    func acceptQuery(_ names: String...) throws {
        var seen: Set<Substring> = []
        for pair in (request.uri.query ?? "").split(separator: "&") {
            let name = pair.prefix { $0 != "=" }
            guard names.contains(String(name)) else {
                throw InvalidDocument(
                    String(name.prefix(64)),
                    names.isEmpty
                        ? "is not a parameter of this call" : "is not one of: \(names.joined(separator: ", "))"
                )
            }
            guard seen.insert(name).inserted else {
                throw InvalidDocument(String(name.prefix(64)), "appears more than once")
            }
        }
    }
}
