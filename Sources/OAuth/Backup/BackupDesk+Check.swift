import Vault

extension BackupDesk {
    private static let pageSize = 256
    /// Places of boxes that are named. When a whole table was changed, not every row need be.
    private static let mostNamed = 1000

    /// Opens every sealed box of the database in its place, and forgets it again: what does not open now would be
    /// missed later.
    ///
    /// - Returns: how many there are.
    /// - Throws: `VaultError` for the first that does not open.
    package func checkBoxes() async throws -> Int {
        let keyring = barrier.keyring
        var count = 0
        try await forEachBox { stored in
            _ = try keyring.open(try SealedBox(bytes: stored.box), at: stored.place)
            count += 1
        }
        return count
    }

    /// The places of all boxes that do not open now, in order; some of them when there are very many. While there is
    /// one, no backup that is made can be restored.
    package func unreadable() async throws -> [String] {
        let keyring = barrier.keyring
        var places: [String] = []
        try await forEachBox { stored in
            do {
                _ = try keyring.open(try SealedBox(bytes: stored.box), at: stored.place)
            } catch {
                if places.count < Self.mostNamed { places.append(stored.place.description) }
            }
        }
        return places.sorted()
    }

    private func forEachBox(_ body: (StoredBox) throws -> Void) async throws {
        for term in try await store.boxCounts().keys.sorted() {
            for table in store.sealedTables {
                var row: Int64 = .min
                while true {
                    let boxes = try await store.boxes(in: table, under: term, after: row, limit: Self.pageSize)
                    for stored in boxes { try body(stored) }
                    guard boxes.count == Self.pageSize, let last = boxes.last else { break }
                    row = last.row
                }
            }
        }
    }
}
