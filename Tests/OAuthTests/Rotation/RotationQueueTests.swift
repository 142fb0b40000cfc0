import Support
import Testing

@testable import OAuth

@Suite("The queue of rotations")
struct RotationQueueTests {
    @Test("whatever the order in which they are put in, they come out by their time", arguments: [1, 2, 3, 4, 5])
    func order(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var queue = RotationQueue()
        var times: [Int64] = []
        for index in 0..<500 {
            let time = Int64.random(in: 0..<100, using: &random)
            times.append(time)
            queue.insert(.init(at: Timestamp(seconds: time), secret: LegateKit.secretName("s\(index)")))
            if Bool.random(using: &random), let taken = queue.removeFirst() {
                #expect(taken.at.seconds == times.min())
                times.remove(at: times.firstIndex(of: taken.at.seconds) ?? 0)
            }
        }
        var rest: [Int64] = []
        while let taken = queue.removeFirst() { rest.append(taken.at.seconds) }
        #expect(rest == times.sorted())
    }
}
