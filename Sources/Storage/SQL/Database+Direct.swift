import GRDB

extension Database {
    /// Runs a statement that changes rows; it stays prepared for the next time.
    ///
    /// - Returns: how many rows were inserted, changed or deleted.
    @discardableResult
    func run(_ sql: String, _ fill: (inout Arguments) -> Void = { _ in }) throws -> Int {
        try cachedStatement(sql: sql).run(Arguments(fill))
    }

    /// Every row that a query finds, read by `read`; the statement stays prepared for the next time.
    func all<Value>(
        _ sql: String, _ fill: (inout Arguments) -> Void = { _ in }, _ read: (RowReader) throws -> Value
    ) throws -> [Value] {
        var values: [Value] = []
        try cachedStatement(sql: sql).forEachRow(Arguments(fill)) { values.append(try read($0)) }
        return values
    }

    /// The first of the rows that a query finds.
    func first<Value>(
        _ sql: String, _ fill: (inout Arguments) -> Void = { _ in }, _ read: (RowReader) throws -> Value
    ) throws -> Value? {
        try all(sql, fill, read).first
    }
}

extension DatabaseError {
    /// Whether the row is refused because there already is one with its key.
    var isDuplicate: Bool {
        [.SQLITE_CONSTRAINT_PRIMARYKEY, .SQLITE_CONSTRAINT_UNIQUE, .SQLITE_CONSTRAINT_ROWID]
            .contains(extendedResultCode)
    }
}
