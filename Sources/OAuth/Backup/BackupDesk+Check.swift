import Vault

extension BackupDesk {
    private static let pageSize = 256

    /// Opens every sealed box of the database in its place, and forgets it again: what does not open now would be
    /// missed later.
    ///
    /// - Returns: how many there are.
    /// - Throws: `VaultError` for the first that does not open.
    package func checkBoxes() async throws -> Int {
        let keyring = barrier.keyring
        var count = 0
        for term in try await store.boxCounts().keys.sorted() {
            for table in store.sealedTables {
                var row: Int64 = .min
                while true {
                    let boxes = try await store.boxes(in: table, under: term, after: row, limit: Self.pageSize)
                    for stored in boxes { _ = try keyring.open(try SealedBox(bytes: stored.box), at: stored.place) }
                    count += boxes.count
                    guard boxes.count == Self.pageSize, let last = boxes.last else { break }
                    row = last.row
                }
            }
        }
        return count
    }
}
