import JOSE

extension FuzzTarget {
    /// Any JSON document from outside.
    static let json = FuzzTarget(name: "json") { bytes in
        _ = try? JSON(parsing: bytes, limits: JSONLimits(depth: 4, values: 16))
        guard let json = try? JSON(parsing: bytes) else { return }
        law("JSON is UTF-8", String(validating: bytes, as: UTF8.self) != nil)
        let written = json.serialized
        let again = try? JSON(parsing: written)
        law("what was read can be written and read again", again == json)
        law("it is written the same way every time", again?.serialized == written)
        law("so it is for people", (try? JSON(parsing: json.pretty())) == json)
        if case .object(let object) = json {
            law("a document merged with nothing is itself", JSON.object(object.merging(patch: JSONObject())) == json)
            let merged = JSON.object(object.merging(patch: object))
            law("a merged document can be written", (try? JSON(parsing: merged.serialized)) == merged)
        }
    }
}
