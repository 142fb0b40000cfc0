import OAuth

extension FuzzTarget {
    /// The body of a form post, and what its values become.
    static let form = FuzzTarget(name: "form") { bytes in
        guard let form = try? Parameters(form: bytes) else { return }
        for name in names {
            let values = form.all(name)
            law("the value is the first that is not empty", form[name] == nil || form[name] == values.first)
            for value in values {
                law("a value is never empty", !value.isEmpty)
                law("a value has no NUL", !value.utf8.contains(0))
                law("a value that is escaped again is the same value", decoded(escaped(value)) == Array(value.utf8))
            }
        }
        if let scope = form[.scope].flatMap({ ScopeSet($0) }) {
            law("a scope that is written can be read", scope.isEmpty || ScopeSet(scope.description) == scope)
        }
        if let client = form[.clientID].flatMap({ ClientID($0) }) {
            law("an identifier is what was sent", form[.clientID] == client.text)
        }
        for resource in form.all(.resource) {
            guard let uri = ResourceURI(resource) else { continue }
            law("a resource is what was sent", uri.text.utf8.elementsEqual(resource.utf8))
        }
        if let details = form[.authorizationDetails] { _ = try? AuthorizationDetails(requested: details) }
    }

    private static let names: [Parameters.Name] = [
        .grantType, .clientID, .clientSecret, .clientAssertion, .clientAssertionType, .scope, .resource, .audience,
        .subjectToken, .actorToken, .authorizationDetails, .token, .delegationID, .agentID, .taskID, .reason,
    ]

    private static func escaped(_ text: String) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return text.utf8.flatMap { [UInt8(ascii: "%"), digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    private static func decoded(_ bytes: [UInt8]) -> [UInt8]? {
        (try? Parameters.decode(bytes[...])).map { Array($0.utf8) }
    }
}
