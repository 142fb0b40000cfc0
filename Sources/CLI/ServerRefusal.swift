import JOSE

/// The server said no: an OAuth error (RFC 6749, 5.2) or a problem document (RFC 9457).
struct ServerRefusal: Error, Equatable, CustomStringConvertible {
    let status: Int
    /// The OAuth error code, if it was one.
    let code: String?
    /// The answer as it came, when it was a JSON object.
    let document: JSONObject?
    /// One line: what is wrong, naming the fields.
    let description: String

    init(status: Int, body: [UInt8]) {
        self.status = status
        document = (try? JSON(parsing: body))?.object
        code = document?["error"]?.string
        guard let document else {
            description = "the server answered \(status)"
            return
        }
        if let code {
            description = [code, document["error_description"]?.string].compactMap { $0 }.joined(separator: ": ")
        } else {
            description = Self.describe(problem: document, status: status)
        }
    }

    private static func describe(problem: JSONObject, status: Int) -> String {
        let fields = (problem["errors"]?.array ?? []).compactMap { entry -> String? in
            guard let field = entry.object?["field"]?.string, let detail = entry.object?["detail"]?.string else {
                return nil
            }
            return "\(field): \(detail)"
        }
        var line = fields.joined(separator: "; ")
        if line.isEmpty {
            line = problem["detail"]?.string ?? problem["title"]?.string ?? "the server answered \(status)"
        }
        if status >= 500, let request = problem["request_id"]?.string { line += " (request \(request))" }
        return line
    }
}
