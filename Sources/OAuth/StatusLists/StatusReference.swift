import JOSE

/// Where the status of a token stands: the `status_list` member of its `status` claim (Token Status List section 6.1).
package struct StatusReference: Sendable, Hashable {
    package let list: StatusListID
    package let index: Int

    package init(list: StatusListID, index: Int) {
        self.list = list
        self.index = index
    }

    /// The `status` claim.
    func claim(issuer: IssuerURL) -> JSON {
        .object([
            "status_list": .object(["idx": .integer(Int64(index)), "uri": .string(list.uri(issuer: issuer))])
        ])
    }

    /// Reads a claim of our own. Nil when it is not as `claim` writes it.
    init?(claim: JSON, issuer: IssuerURL) {
        guard let reference = claim.object?["status_list"]?.object, let uri = reference["uri"]?.string,
            let list = StatusListID(uri: uri, issuer: issuer),
            let index = reference["idx"]?.integer.flatMap({ Int(exactly: $0) }), index >= 0
        else { return nil }
        self.init(list: list, index: index)
    }
}

/// The name of a status list: random, so that a list of another start of the server is never taken for it.
package struct StatusListID: Identifier {
    package let text: String

    package init?(_ text: String) {
        guard text.consists(of: .clientID, count: 1...64) else { return nil }
        self.text = text
    }

    static func make() -> StatusListID { StatusListID(unchecked: Unguessable.text(bytes: 16)) }

    private init(unchecked text: String) { self.text = text }

    private static func prefix(_ issuer: IssuerURL) -> String { issuer.text + "/status-lists/" }

    /// Where the list is served; the `uri` of its tokens and the `sub` of the list itself.
    package func uri(issuer: IssuerURL) -> String { Self.prefix(issuer) + text }

    init?(uri: String, issuer: IssuerURL) {
        let prefix = Self.prefix(issuer)
        guard uri.hasPrefix(prefix) else { return nil }
        self.init(String(uri.dropFirst(prefix.count)))
    }
}
