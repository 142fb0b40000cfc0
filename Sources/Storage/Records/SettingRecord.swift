import GRDB

/// `settings`: facts about the database itself.
enum SettingRecord {
    static let issuer = "issuer"

    static func all(in database: Database) throws -> [String: String] {
        let rows = try database.all("SELECT name, value FROM settings") { ($0.text(0), $0.text(1)) }
        return Dictionary(rows) { first, _ in first }
    }

    static func value(_ name: String, in database: Database) throws -> String? {
        try database.first("SELECT value FROM settings WHERE name = ?", { $0.add(name) }, { $0.text(0) })
    }

    static func set(_ name: String, to value: String, in database: Database) throws {
        try database.run(
            "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        ) { row in
            row.add(name)
            row.add(value)
        }
    }
}
