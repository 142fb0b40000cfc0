package import JOSE

/// A list of authorization details (RFC 9396 section 2): what a request asks for, a token carries, or an operator has
/// registered as a ceiling. Each is an object with a `type`. Empty means nothing.
package struct AuthorizationDetails: Sendable, Equatable {
    package let objects: [JSONObject]

    package static let none = AuthorizationDetails(objects: [])

    package init(objects: [JSONObject]) { self.objects = objects }

    /// Reads what stands in a token or in the database; nil when it is not a list of objects that each have a type.
    package init?(_ json: JSON) {
        guard let elements = json.array else { return nil }
        let objects = elements.compactMap(\.object)
        guard objects.count == elements.count, objects.allSatisfy({ $0.detailType != nil }) else { return nil }
        self.objects = objects
    }

    package var isEmpty: Bool { objects.isEmpty }
    package var json: JSON { .array(objects.map(JSON.object)) }
    package var text: String { json.text }

    /// The members that every type has, whatever its schema (RFC 9396 sections 2 and 2.2).
    static let ownMembers = ["type", "locations"]

    /// What names a type or a member: visible ASCII, so that it can stand in an error.
    static func isName(_ text: String) -> Bool {
        text.utf8.count <= DetailLimits.name && ScopeSet([text]) != nil
    }
}

extension AuthorizationDetails {
    /// Reads the parameter `authorization_details` as far as that is possible without its resource.
    ///
    /// - Throws: `invalid_authorization_details`.
    package init(requested text: String) throws(OAuthError) {
        guard text.utf8.count <= DetailLimits.requestBytes else {
            throw Self.refusal("is longer than \(DetailLimits.requestBytes) bytes")
        }
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: Array(text.utf8), limits: DetailLimits.request)
        } catch {
            throw Self.refusal("is \(error)")
        }
        guard let elements = json.array, (1...DetailLimits.objects).contains(elements.count) else {
            throw Self.refusal("must be a list of 1 to \(DetailLimits.objects) objects")
        }
        for (index, element) in elements.enumerated() where element.object?.detailType == nil {
            throw Self.refusal("[\(index)] must be an object whose type is a text")
        }
        objects = elements.compactMap(\.object)
        guard json.serialized.count <= DetailLimits.grantedBytes else {
            throw Self.refusal("is more than a token can carry: \(DetailLimits.grantedBytes) bytes without white space")
        }
    }

    /// - Parameter reason: what is wrong, and what would be accepted.
    static func refusal(_ reason: String) -> OAuthError {
        let isElement = reason.hasPrefix("[")
        return OAuthError(
            .invalidAuthorizationDetails, "authorization_details\(isElement ? "" : " ")\(reason)",
            rule: DetailsAttenuation.name
        )
    }
}

extension JSONObject {
    /// The `type` of an authorization detail.
    var detailType: String? { self["type"]?.string }

    /// The members that the schema of the type speaks of.
    var detailContent: JSONObject {
        var content = self
        for name in AuthorizationDetails.ownMembers { content[name] = nil }
        return content
    }

    /// Whether the detail says that it is for this resource. What is no list of texts names nothing.
    func names(location: ResourceURI) -> Bool {
        (self["locations"]?.array ?? []).contains {
            $0.string.map { $0.utf8.elementsEqual(location.text.utf8) } ?? false
        }
    }
}
