import JOSE

/// Plain text tables for people.
enum Table {
    /// One column of a list: its head, and what it shows of an item.
    struct Column: Sendable {
        let title: String
        let cell: @Sendable (JSONObject) -> String

        init(_ title: String, _ cell: @escaping @Sendable (JSONObject) -> String) {
            self.title = title
            self.cell = cell
        }

        /// A column that shows one member.
        init(_ title: String, _ member: String) {
            self.init(title) { Table.cell($0[member]) }
        }
    }

    private static let gap = "  "

    /// Heads, and one line an item; every column as wide as its widest cell.
    static func list(_ items: [JSON], _ columns: [Column]) -> String {
        let rows = items.compactMap(\.object).map { item in columns.map { Printable.text($0.cell(item)) } }
        return align([columns.map(\.title)] + rows)
    }

    /// One member a line; members without a value are left out.
    static func card(_ json: JSON) -> String {
        guard let object = json.object else { return Printable.text(cell(json)) }
        return align(
            object.members.filter { !isEmpty($0.value) }.map { member in
                [Printable.text(member.name), Printable.text(cell(member.value))]
            }
        )
    }

    /// Puts the cells of each column below one another. The last one is not padded.
    static func align(_ rows: [[String]]) -> String {
        var widths: [Int] = []
        for row in rows {
            for (index, cell) in row.enumerated() {
                if index == widths.count { widths.append(0) }
                widths[index] = max(widths[index], cell.count)
            }
        }
        let lines = rows.map { row in
            let cells = row.enumerated().map { index, cell in
                index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count)
            }
            return cells.joined(separator: gap)
        }
        return lines.joined(separator: "\n")
    }

    /// A value as it stands in a cell.
    static func cell(_ value: JSON?) -> String {
        switch value {
        case nil, .null?: "-"
        case .string(let text)?: text.isEmpty ? "-" : text
        case .bool(let bool)?: bool ? "yes" : "no"
        case .array(let elements)?: elements.isEmpty ? "-" : elements.map(cell).joined(separator: " ")
        case .object(let object)? where object["keys"] != nil: keys(object)
        case let other?: other.text
        }
    }

    private static func keys(_ set: JSONObject) -> String {
        (set["keys"]?.array ?? []).map { $0.object?["kid"]?.string ?? "(key without kid)" }.joined(separator: " ")
    }

    private static func isEmpty(_ value: JSON) -> Bool {
        switch value {
        case .null: true
        case .string(let text): text.isEmpty
        case .array(let elements): elements.isEmpty
        default: false
        }
    }
}

extension [Table.Column] {
    /// One item on one line, for lists that go on.
    func line(_ item: JSONObject, _ format: OutputFormat) -> String {
        switch format {
        case .json: item.text
        case .table: map { Printable.text($0.cell(item)) }.joined(separator: "  ")
        }
    }
}
