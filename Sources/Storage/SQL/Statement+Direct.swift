import GRDB
import GRDBSQLite

/// Statements that GRDB prepares, keeps and serialises, bound and stepped without its boxes around every value.
///
/// A commit writes thousands of rows of 27 columns a second, and a start reads a hundred thousand clients: there the
/// boxes cost more than SQLite does.
extension Statement {
    /// Runs a statement that changes rows.
    ///
    /// - Returns: how many rows were inserted, changed or deleted.
    @discardableResult
    func run(_ arguments: Arguments = .none) throws -> Int {
        try unsafe bound(arguments) { statement in
            let code = unsafe sqlite3_step(statement)
            guard code == SQLITE_DONE else { throw unsafe failure(code, statement) }
            return unsafe Int(sqlite3_changes(sqlite3_db_handle(statement)))
        }
    }

    /// Runs a statement that finds rows, and hands them over one by one.
    func forEachRow(_ arguments: Arguments = .none, _ body: (RowReader) throws -> Void) throws {
        try unsafe bound(arguments) { statement in
            while true {
                switch unsafe sqlite3_step(statement) {
                case SQLITE_ROW: try body(unsafe RowReader(statement))
                case SQLITE_DONE: return
                case let code: throw unsafe failure(code, statement)
                }
            }
        }
    }

    /// Binds without copying: the arguments outlive the execution, and are unbound after it.
    private func bound<Result>(_ arguments: Arguments, _ execute: (OpaquePointer) throws -> Result) throws -> Result {
        let statement = unsafe sqliteStatement
        return try unsafe arguments.bytes.withUnsafeBytes { memory in
            defer {
                unsafe sqlite3_reset(statement)
                unsafe sqlite3_clear_bindings(statement)
            }
            guard let start = memory.baseAddress,
                unsafe Int(sqlite3_bind_parameter_count(statement)) == arguments.values.count
            else { throw unsafe failure(SQLITE_RANGE, statement) }
            for (offset, value) in arguments.values.enumerated() {
                let index = Int32(truncatingIfNeeded: offset + 1)
                let code =
                    switch value {
                    case .null: unsafe sqlite3_bind_null(statement, index)
                    case .integer(let number): unsafe sqlite3_bind_int64(statement, index, number)
                    case .text(let range):
                        unsafe sqlite3_bind_text64(
                            statement, index, (start + range.lowerBound).assumingMemoryBound(to: CChar.self),
                            UInt64(range.count), nil, UInt8(truncatingIfNeeded: SQLITE_UTF8)
                        )
                    case .blob(let range):
                        unsafe sqlite3_bind_blob64(
                            statement, index, start + range.lowerBound, UInt64(range.count), nil
                        )
                    }
                guard code == SQLITE_OK else { throw unsafe failure(code, statement) }
            }
            return try unsafe execute(statement)
        }
    }

    private func failure(_ code: Int32, _ statement: OpaquePointer) -> DatabaseError {
        let message = unsafe sqlite3_errmsg(sqlite3_db_handle(statement)).map { unsafe String(cString: $0) }
        return DatabaseError(resultCode: ResultCode(rawValue: code), message: message)
    }
}
