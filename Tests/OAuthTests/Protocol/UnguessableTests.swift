import OAuth
import Testing

@Suite("Unguessable names")
struct UnguessableTests {
    @Test("names that begin with the time sort by time")
    func sorted() {
        let times: [Int64] = [0, 1, 255, 256, 65_535, 1_772_366_400_000, 1_772_366_400_001, 1_772_366_401_000, 1 << 47]
        let names = times.map { Unguessable.timeOrdered(at: Timestamp(milliseconds: $0)) }
        #expect(names == names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
        #expect(names.allSatisfy { $0.utf8.count == 32 })
    }

    @Test("two names of one millisecond differ in more than a hundred random bits")
    func distinct() {
        let time = Timestamp(milliseconds: 1_772_366_400_000)
        let names = (0..<1000).map { _ in Unguessable.timeOrdered(at: time) }
        #expect(Set(names).count == 1000)
        #expect(Set(names.map { $0.prefix(9) }).count == 1)
        #expect(Set(names.map { $0.suffix(20) }).count == 1000)
    }

    @Test("no letter of a name can be read as another")
    func alphabet() {
        let text = (0..<200).map { _ in Unguessable.text(bytes: 16) }.joined()
        #expect(Set(text).isSubset(of: Set("0123456789abcdefghjkmnpqrstvwxyz")))
        #expect(Set(text).count == 32)
    }

    @Test("a name has as many characters as its bytes need", arguments: [(1, 2), (5, 8), (10, 16), (16, 26), (20, 32)])
    func length(bytes: Int, characters: Int) { #expect(Unguessable.text(bytes: bytes).utf8.count == characters) }
}
