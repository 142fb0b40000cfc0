import JOSE
import OAuth

/// The columns of authorization details (RFC 9396). They are JSON text, and absent when there is nothing, so that most
/// rows need no parsing.
extension AuthorizationDetails {
    func write(to row: inout Arguments) { row.add(isEmpty ? nil : text) }

    /// - Throws: when the text is not a list of details.
    init(_ row: RowReader, _ column: Int32) throws {
        guard let text = row.optionalText(column) else {
            self = .none
            return
        }
        guard let details = AuthorizationDetails(try JSON(parsing: text)) else { throw UnreadableDetails() }
        self = details
    }
}

extension AuthorizationDetailType {
    static func write(_ types: [AuthorizationDetailType], to row: inout Arguments) {
        row.add(types.isEmpty ? nil : json(types).text)
    }

    /// - Throws: when a schema is not one that this version understands: then what it limits cannot be judged.
    static func read(_ row: RowReader, _ column: Int32) throws -> [AuthorizationDetailType] {
        guard let text = row.optionalText(column) else { return [] }
        var faults: [FieldError] = []
        let types = list(try JSON(parsing: text), at: "authorization_details_types", errors: &faults)
        guard faults.isEmpty else { throw UnreadableDetails() }
        return types
    }
}

private struct UnreadableDetails: Error {}
