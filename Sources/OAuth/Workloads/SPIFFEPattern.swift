/// Which SPIFFE IDs stand for a client: one of them, or all below a path, written with `/*` at the end
/// (draft-ietf-oauth-spiffe-client-auth, `spiffe_id`).
package struct SPIFFEPattern: Identifier {
    package let text: String
    package let trustDomain: TrustDomain
    /// With its slash at the end; nil when the pattern is one SPIFFE ID.
    private let prefix: String?

    /// Bytes of a registered pattern.
    static let longest = 512

    /// Nil unless the text is the SPIFFE ID of a workload, or the path of one with `/*` behind it. A whole trust domain
    /// cannot be meant: whoever gets any SVID there would be the client.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.longest else { return nil }
        let isPrefix = text.hasSuffix("/*")
        guard let id = SPIFFEID(isPrefix ? String(text.dropLast(2)) : text), !id.path.isEmpty else { return nil }
        self.text = text
        trustDomain = id.trustDomain
        prefix = isPrefix ? id.text + "/" : nil
    }

    /// Whether the pattern means more than one workload.
    package var isPrefix: Bool { prefix != nil }

    package func matches(_ id: SPIFFEID) -> Bool {
        guard let prefix else { return id.text == text }
        return id.text.utf8.starts(with: prefix.utf8)
    }

    /// Whether there is a SPIFFE ID that both mean.
    package func overlaps(_ other: SPIFFEPattern) -> Bool {
        switch (prefix, other.prefix) {
        case (nil, nil): text == other.text
        case (let prefix?, nil): other.text.utf8.starts(with: prefix.utf8)
        case (nil, let prefix?): text.utf8.starts(with: prefix.utf8)
        case (let one?, let two?): one.utf8.starts(with: two.utf8) || two.utf8.starts(with: one.utf8)
        }
    }
}
