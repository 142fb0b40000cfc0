package import JOSE

extension Canary {
    /// Bytes of the words that say where it is.
    package static let longestPlace = 256

    /// What the API shows. Not the look-alike: nobody has it any more but where it was planted.
    package var document: JSONObject {
        [
            "canary_id": .string(id.text), "kind": .string(kind.rawValue), "where": .string(plantedIn),
            "created_at": .time(createdAt), "uses": .integer(Int64(uses)), "first_used_at": .time(firstUsed),
            "last_used_at": .time(lastUsed),
        ]
    }
}

/// What an operator wants planted.
struct CanaryDraft {
    let kind: Canary.Kind
    let plantedIn: String

    init(_ document: JSONObject) throws(InvalidDocument) {
        var reader = DocumentReader(document)
        let kinds = Canary.Kind.allCases.map(\.rawValue).joined(separator: ", ")
        let kind = reader.required("kind", reader.parsed("kind", "one of \(kinds)") { Canary.Kind(rawValue: $0) })
        let plantedIn = reader.required("where", reader.text("where", limit: Canary.longestPlace))
        try reader.finish()
        guard let kind, let plantedIn else { throw InvalidDocument("kind", "is required") }
        self.kind = kind
        self.plantedIn = plantedIn
    }
}
