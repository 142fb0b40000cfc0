import OAuth

/// How one kind of registered thing lies in its table: columns ↔ value, in one place.
protocol RegistryRecord {
    associatedtype Value: Registered
    static var table: RegistryTable { get }
    /// Adds one argument for each column of the table, in their order.
    static func write(_ value: Value, to row: inout Arguments)
    /// Reads the columns in the same order.
    ///
    /// - Throws: `StorageError.malformedRow` when the domain does not accept them.
    static func read(_ row: RowReader, _ shared: inout SharedValues) throws -> Value
}

/// The statements for one kind of registered thing: the same verbs over all tables.
struct RegistryTable: Sendable {
    let name: String
    /// The column of the identifier that paths and lists use.
    let key: String
    /// How many columns there are: what is selected behind them begins here.
    let count: Int32
    /// All columns, to be selected with others.
    let list: String
    let select: String
    let insert: String
    /// Takes the columns, then the identifier and the revision that it must have.
    let update: String
    let delete: String
    let exists: String

    init(_ name: String, key: String, columns: [String]) {
        self.name = name
        self.key = key
        count = Int32(columns.count)
        list = columns.joined(separator: ", ")
        let marks = columns.map { _ in "?" }.joined(separator: ", ")
        select = "SELECT \(list) FROM \(name)"
        insert = "INSERT INTO \(name) (\(list)) VALUES (\(marks))"
        update = """
            UPDATE \(name) SET \(columns.map { "\($0) = ?" }.joined(separator: ", ")) WHERE \(key) = ? AND revision = ?
            """
        delete = "DELETE FROM \(name) WHERE \(key) = ?"
        exists = "SELECT 1 FROM \(name) WHERE \(key) = ?"
    }
}

extension RegistryRecord {
    static func malformed(_ id: String) -> StorageError { .malformedRow(table: table.name, id: id) }
}
