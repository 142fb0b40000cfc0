/// The name of a file in the server's own directory of trusted keys: 1–64 characters of `[A-Za-z0-9._-]`, not beginning
/// with a dot.
///
/// An operator chooses among the files that whoever runs the machine has put there, and reaches no others.
package struct TrustFile: Identifier {
    package let text: String

    /// Nil when the text is not such a name; no directory can be named.
    package init?(_ text: String) {
        guard text.consists(of: .trustFile, count: 1...64), !text.hasPrefix(".") else { return nil }
        self.text = text
    }
}

extension CharacterSet {
    fileprivate static let trustFile = CharacterSet(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
    )
}

/// Where the keys of somebody else are published, and what it takes to get them.
package struct KeySource: Sendable, Hashable {
    package enum Place: Sendable, Hashable {
        case url(String)
        case file(TrustFile)
    }

    package let place: Place
    /// Whether the URL may resolve to a private address.
    package let allowPrivate: Bool
    /// PEM certificates that alone vouch for the URL's host, instead of the public authorities.
    package let authority: TrustFile?
    /// A bearer token that is shown to the host. Never without `authority`: it must not reach anyone else.
    package let token: TrustFile?

    package init(
        _ place: Place, allowPrivate: Bool = false, authority: TrustFile? = nil, token: TrustFile? = nil
    ) {
        self.place = place
        self.allowPrivate = allowPrivate
        self.authority = authority
        self.token = token
    }

    package var isFile: Bool {
        if case .file = place { true } else { false }
    }
}

extension Fetcher {
    /// The document at a source. A fetcher that has no directory of trusted keys knows plain URLs only.
    package func fetch(_ source: KeySource, maximumBytes: Int) async throws(FetchError) -> [UInt8] {
        guard case .url(let url) = source.place, source.authority == nil, source.token == nil else {
            throw FetchError("there is no directory of trusted keys here")
        }
        return try await fetch(url, allowPrivate: source.allowPrivate, maximumBytes: maximumBytes)
    }
}
