import JOSE

@testable import OAuth

extension FuzzTarget {
    /// Rich authorization requests (RFC 9396): a schema and values for it, with a record separator (0x1E) between them,
    /// as in a JSON text sequence (RFC 7464).
    static let details = FuzzTarget(name: "details") { bytes in
        let texts = bytes.split(separator: 0x1E, maxSplits: 3, omittingEmptySubsequences: false).map(Array.init)
        guard let first = texts.first else { return }
        if let text = String(validating: first, as: UTF8.self) { _ = try? AuthorizationDetails(requested: text) }
        guard let json = try? JSON(parsing: first) else { return }
        var mistakes: [FieldError] = []
        guard let type = AuthorizationDetailType.list(.array([json]), at: "types", errors: &mistakes).first else {
            return law("what is refused says why", !mistakes.isEmpty)
        }
        var again: [FieldError] = []
        let types = AuthorizationDetailType.list(AuthorizationDetailType.json([type]), at: "types", errors: &again)
        law("a type that is written can be read", mistakes.isEmpty == (again.isEmpty && types == [type]))
        let values = texts.dropFirst().compactMap { try? JSON(parsing: $0) }
        for value in values {
            _ = try? type.schema.check(value, at: "", .ceiling)
            guard (try? type.schema.check(value, at: "")) != nil else { continue }
            law("a good value is as narrow as itself", type.schema.widening(of: value, over: value, at: "") == nil)
        }
        guard values.count == 3 else { return }
        let isNarrower = { (left: Int, right: Int) in
            type.schema.widening(of: values[left], over: values[right], at: "") == nil
        }
        law("what is narrower than narrower is narrower", !(isNarrower(0, 1) && isNarrower(1, 2)) || isNarrower(0, 2))
    }
}
