package import JOSE

/// A type of authorization detail that a resource understands, with the schema of its objects (RFC 9396 section 2).
package struct AuthorizationDetailType: Sendable, Equatable {
    package let name: String
    package let schema: DetailSchema
    /// As it was registered: `{"type","schema"}`.
    package let document: JSONObject

    /// Two types are the same when they were registered with the same document.
    package static func == (left: AuthorizationDetailType, right: AuthorizationDetailType) -> Bool {
        JSON.object(left.document).isSame(as: .object(right.document))
    }

    /// Reads one type and adds what is wrong with it to `errors`, by path.
    init?(_ json: JSON, at path: String, errors: inout [FieldError]) {
        let known = errors.count
        guard let object = json.object else {
            errors.append(FieldError(path, "must be an object with type and schema"))
            return nil
        }
        for member in object.members where !["type", "schema"].contains(member.name) {
            errors.append(FieldError("\(path).\(member.name.prefix(64))", "is not a member that can be set here"))
        }
        guard let name = object["type"]?.string, AuthorizationDetails.isName(name) else {
            errors.append(
                FieldError(
                    "\(path).type",
                    "must be 1 to \(DetailLimits.name) visible ASCII characters without space, quote or backslash"
                )
            )
            return nil
        }
        guard let json = object["schema"] else {
            errors.append(FieldError("\(path).schema", "is required"))
            return nil
        }
        var reader = DetailSchemaReader()
        let schema = reader.type(json, at: "\(path).schema")
        errors += reader.errors
        guard let schema, errors.count == known else { return nil }
        self.name = name
        self.schema = schema
        document = ["type": .string(name), "schema": json]
    }

    /// Reads a list of types.
    package static func list(
        _ json: JSON, at path: String, errors: inout [FieldError]
    ) -> [AuthorizationDetailType] {
        guard let items = json.array, items.count <= DetailLimits.types else {
            errors.append(FieldError(path, "must be a list of at most \(DetailLimits.types) types"))
            return []
        }
        var types: [AuthorizationDetailType] = []
        for (index, item) in items.enumerated() {
            guard let type = AuthorizationDetailType(item, at: "\(path)[\(index)]", errors: &errors) else { continue }
            if types.contains(where: { $0.name == type.name }) {
                errors.append(FieldError("\(path)[\(index)].type", "is there twice: \(type.name)"))
            }
            types.append(type)
        }
        return types
    }

    package static func json(_ types: [AuthorizationDetailType]) -> JSON { .array(types.map { .object($0.document) }) }
}

extension Resource {
    package func authorizationDetailsType(named name: String) -> AuthorizationDetailType? {
        authorizationDetailsTypes.first { $0.name.utf8.elementsEqual(name.utf8) }
    }
}

extension JSONObject {
    /// RFC 9396 section 10, RFC 9728 section 2: the member is left out when there is no type.
    mutating func listDetailsTypes(of resources: [Resource]) {
        var names: [String] = []
        for name in resources.flatMap(\.authorizationDetailsTypes).map(\.name) where !names.contains(name) {
            names.append(name)
        }
        if !names.isEmpty { self["authorization_details_types_supported"] = .texts(names) }
    }
}
