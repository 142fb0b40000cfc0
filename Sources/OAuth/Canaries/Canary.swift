/// The name of a canary, made by the server.
package struct CanaryID: Identifier {
    package let text: String

    package init?(_ text: String) {
        guard text.consists(of: .clientChosenName, count: 1...64) else { return nil }
        self.text = text
    }

    static func make() -> CanaryID { CanaryID(unchecked: "canary_" + Unguessable.text(bytes: 16)) }

    private init(unchecked text: String) { self.text = text }
}

/// A look-alike of a credential that was put where only a thief would find it. It opens nothing: whoever uses it has
/// read what was not meant for them.
package struct Canary: Sendable, Equatable {
    /// What it looks like.
    package enum Kind: String, Sendable, CaseIterable {
        case clientSecret = "client-secret"
        case token
        case apiKey = "api-key"
    }

    package let id: CanaryID
    package let kind: Kind
    /// The keyed digest of the look-alike; the look-alike itself is not kept.
    package let digest: [UInt8]
    /// Where it was put, in the words of the one who planted it.
    package let plantedIn: String
    package let createdAt: Timestamp
    /// How often it was seen, as far as the trail knows.
    package var uses: Int
    package var firstUsed: Timestamp?
    package var lastUsed: Timestamp?

    package init(
        id: CanaryID, kind: Kind, digest: [UInt8], plantedIn: String, createdAt: Timestamp, uses: Int = 0,
        firstUsed: Timestamp? = nil, lastUsed: Timestamp? = nil
    ) {
        self.id = id
        self.kind = kind
        self.digest = digest
        self.plantedIn = plantedIn
        self.createdAt = createdAt
        self.uses = uses
        self.firstUsed = firstUsed
        self.lastUsed = lastUsed
    }
}

/// That a canary was seen, on its way into the trail.
package struct CanarySighting: Sendable, Equatable {
    package let id: CanaryID
    package let at: Timestamp
    /// How often since the last sighting that was recorded; 1 or more.
    package let uses: Int

    package init(id: CanaryID, at: Timestamp, uses: Int) {
        self.id = id
        self.at = at
        self.uses = uses
    }
}
