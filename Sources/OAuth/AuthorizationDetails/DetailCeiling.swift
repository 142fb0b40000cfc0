import JOSE

/// Authorization details that limit others, and the words for who sets them.
///
/// What an operator registered is a set of patterns: one may stand behind any number of details. What a token carries
/// was granted once: each of its details stands behind one other at most, so that one payment does not become two.
struct DetailCeiling: Sendable {
    let origin: String
    let details: AuthorizationDetails
    let isRegistered: Bool

    /// Why the details are not all covered for the target, or nil when they are.
    ///
    /// - Parameter details: of types that the target has, and as their schemas want them.
    func objection(to details: AuthorizationDetails, at target: Resource) -> String? {
        var covering: [[Int]] = []
        for (index, detail) in details.objects.enumerated() {
            guard let name = detail.detailType, let type = target.authorizationDetailsType(named: name) else {
                return "[\(index)].type is not one of the resource's"
            }
            var above: [Int] = []
            var nearest: String?
            for (place, ceiling) in self.details.objects.enumerated() {
                guard ceiling.detailType.map({ $0.utf8.elementsEqual(name.utf8) }) == true,
                    !isRegistered || ceiling.names(location: target.uri)
                else { continue }
                let wider = type.schema.widening(
                    of: .object(detail.detailContent), over: .object(ceiling.detailContent), at: "[\(index)]"
                )
                if wider == nil { above.append(place) } else { nearest = nearest ?? wider }
            }
            if above.isEmpty {
                return nearest.map { "\($0) is not allowed by \(origin): it must be the same or narrower" }
                    ?? "[\(index)] is not allowed by \(origin), which has no \(name) for \(target.uri)"
            }
            covering.append(above)
        }
        guard isRegistered || Self.canPair(covering) else {
            return "asks for more details than \(origin) has: each of its own stands behind one at most"
        }
        return nil
    }

    /// Whether each row can have a number of its own out of those that it lists (augmenting paths; a token has 16
    /// details at most).
    static func canPair(_ rows: [[Int]]) -> Bool {
        var owner: [Int: Int] = [:]
        func place(_ row: Int, _ tried: inout Set<Int>) -> Bool {
            for number in rows[row] where tried.insert(number).inserted {
                guard let other = owner[number], !place(other, &tried) else {
                    owner[number] = row
                    return true
                }
            }
            return false
        }
        return rows.indices.allSatisfy { row in
            var tried: Set<Int> = []
            return place(row, &tried)
        }
    }
}
