import JOSE

/// Reads `{"name": "value"}`. An object within is a folder: its members come under its name.
enum JSONSecrets {
    static let limits = JSONLimits(depth: 64, values: 200_000)

    static func read(_ bytes: [UInt8], into file: inout ImportFile) {
        let json: JSON
        do {
            json = try JSON(parsing: bytes, limits: limits)
        } catch {
            return file.refuse("the file", "is not JSON: \(error)")
        }
        guard let object = json.object else { return file.refuse("the file", "must be a JSON object") }
        read(object, under: "", into: &file)
    }

    /// - Parameter path: where the object stands, without a slash at its end.
    static func read(_ object: JSONObject, under path: String, into file: inout ImportFile) {
        for member in object.members {
            let name = path.isEmpty ? member.name : path + "/" + member.name
            let place = Printable.text(name)
            switch member.value {
            case .string(let text): file.found(Array(text.utf8), named: name, at: place)
            case .object(let inner): read(inner, under: name, into: &file)
            // Whole numbers and truth values have one spelling only; another number may have come with a different one.
            case .integer(let number): file.found(Array(String(number).utf8), named: name, at: place)
            case .bool(let truth): file.found(Array(String(truth).utf8), named: name, at: place)
            case .null: file.skip(place, "\(place) has no value")
            case .number: file.refuse(place, "is a number with a fraction: put it in quotes as it is to be stored")
            case .array: file.refuse(place, "is a list: a secret is one text")
            }
        }
    }
}
