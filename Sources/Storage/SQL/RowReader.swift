import GRDBSQLite
import OAuth

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One row of a result, read by position. It is gone with the next step of its statement.
///
/// A column of another type or without a value reads as zero or empty, as SQLite does it, and never traps; the tables
/// are strict, and what the domain cannot accept becomes `StorageError.malformedRow`.
@safe struct RowReader {
    private let statement: OpaquePointer

    init(_ statement: OpaquePointer) { unsafe self.statement = unsafe statement }

    func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(statement, column) }

    func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

    /// A number that the domain holds as `Int`: seconds, revisions.
    func number(_ column: Int32) -> Int { Int(clamping: integer(column)) }

    func optionalNumber(_ column: Int32) -> Int? { isNull(column) ? nil : number(column) }

    func flag(_ column: Int32) -> Bool { integer(column) != 0 }

    func time(_ column: Int32) -> Timestamp { Timestamp(milliseconds: integer(column)) }

    func optionalTime(_ column: Int32) -> Timestamp? { isNull(column) ? nil : time(column) }

    func text(_ column: Int32) -> String { optionalText(column) ?? "" }

    func optionalText(_ column: Int32) -> String? {
        guard let start = unsafe sqlite3_column_text(statement, column) else { return nil }
        let count = unsafe Int(sqlite3_column_bytes(statement, column))
        return unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// The first of the values whose bytes a text column has.
    func text<Value>(_ column: Int32, among known: [(bytes: [UInt8], value: Value)]) -> Value? {
        guard let start = unsafe sqlite3_column_text(statement, column) else { return nil }
        let count = unsafe Int(sqlite3_column_bytes(statement, column))
        for (bytes, value) in known where bytes.count == count {
            if unsafe bytes.withUnsafeBytes({ unsafe memcmp($0.baseAddress ?? UnsafeRawPointer(start), start, count) })
                == 0
            {
                return value
            }
        }
        return nil
    }

    func optionalBlob(_ column: Int32) -> [UInt8]? { isNull(column) ? nil : blob(column) }

    func blob(_ column: Int32) -> [UInt8] {
        guard let start = unsafe sqlite3_column_blob(statement, column) else { return [] }
        let count = unsafe Int(sqlite3_column_bytes(statement, column))
        return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    }

    private func isNull(_ column: Int32) -> Bool { unsafe sqlite3_column_type(statement, column) == SQLITE_NULL }
}
