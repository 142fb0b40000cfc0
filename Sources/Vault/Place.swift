/// Where a sealed box belongs.
///
/// The place is part of what the box authenticates: a box that is moved to another row, version or purpose does not
/// open there.
package struct Place: Sendable, Equatable, CustomStringConvertible {
    /// The table that holds the box.
    package let table: String
    /// The row's key within the table.
    package let row: String
    /// The version of the value in that row, from 1; an older version put back does not open as the newer one.
    package let version: Int
    /// What the value is for, such as `signing key`.
    package let purpose: String

    package init(table: String, row: String, version: Int = 1, purpose: String) {
        self.table = table
        self.row = row
        self.version = version
        self.purpose = purpose
    }

    package var description: String { "\(table)/\(row) version \(version) (\(purpose))" }

    /// The bytes that are authenticated with the box. Every part has its length in front.
    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32 + table.utf8.count + row.utf8.count + purpose.utf8.count)
        bytes.append(lengthPrefixed: table)
        bytes.append(lengthPrefixed: row)
        bytes.append(bigEndian: Int64(version))
        bytes.append(lengthPrefixed: purpose)
        return bytes
    }
}
