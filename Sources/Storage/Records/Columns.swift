import GRDB
import JOSE
import OAuth

/// A row holds what its table's constraints allow, but not what the domain does: somebody else wrote it.
struct MalformedRow: Error {
    let table: String
    let id: String
}

/// Lists of scopes and resources as text.
enum SpaceSeparated {
    static func text(_ resources: [ResourceURI]) -> String { resources.map(\.text).joined(separator: " ") }

    static func resources(_ text: String) -> [ResourceURI] {
        text.isEmpty ? [] : text.split(separator: " ").compactMap { ResourceURI(String($0)) }
    }
}

enum Keys {
    static func columns(_ keys: ClientKeys?) -> (jwks: String?, uri: String?) {
        switch keys {
        case .set(_, let text): (text, nil)
        case .uri(let uri): (nil, uri)
        case nil: (nil, nil)
        }
    }

    static func value(jwks: String?, uri: String?) throws -> ClientKeys? {
        if let jwks { return .set(try JWKSet(json: try JSON(parsing: jwks)), text: jwks) }
        return uri.map(ClientKeys.uri)
    }
}
