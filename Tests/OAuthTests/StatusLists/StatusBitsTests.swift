import Testing

@testable import OAuth

@Suite("The bits of a status list")
struct StatusBitsTests {
    @Test("the vector of the standard comes out byte by byte")
    func vector() throws {
        var bits = StatusBits(count: 16)
        for (index, status) in [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1].enumerated() where status == 1 {
            bits.setInvalid(index)
        }
        #expect(bits.bytes == [0xB9, 0xA3])
        #expect(try bits.encoded() == "eNrbuRgAAhcBXQ")
    }

    @Test("a list of which everything is valid is small, whatever its size")
    func empty() throws {
        #expect(try StatusBits(count: StatusLists.size).encoded().utf8.count < 64)
    }

    @Test("an index that no list has changes nothing", arguments: [-1, -8, 16, Int.max, Int.min])
    func outside(_ index: Int) {
        var bits = StatusBits(count: 16)
        bits.setInvalid(index)
        #expect(bits == StatusBits(count: 16))
    }
}
