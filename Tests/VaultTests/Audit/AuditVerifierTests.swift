import Testing
import Vault

@Suite("Audit verifier")
struct AuditVerifierTests {
    /// Verifies against the head that the trail really has, as the server does.
    private func verify(_ records: [AuditRecord], head: AuditHead?) -> AuditReport {
        var verifier = AuditVerifier()
        for record in records { verifier.consume(record) }
        verifier.finish(expecting: head)
        return verifier.report
    }

    @Test("an untouched trail verifies", arguments: [0, 1, 2, 100])
    func untouched(count: Int) {
        let (records, head) = trail(count)
        let report = verify(records, head: head)
        #expect(report.valid)
        #expect(report.problem == nil)
        #expect(report.firstBad == nil)
        #expect(report.records == count)
        #expect(report.first == (count == 0 ? nil : 1))
        #expect(report.last == (count == 0 ? nil : Int64(count)))
    }

    @Test("an altered record is found", arguments: [1, 3, 5])
    func altered(sequence: Int) {
        var (records, head) = trail(5)
        records[sequence - 1] = records[sequence - 1].altered()
        let report = verify(records, head: head)
        #expect(!report.valid)
        #expect(report.firstBad == Int64(sequence))
        #expect(report.records == 5)
    }

    @Test("an altered record that was given a new hash is found at the link that breaks", arguments: [1, 3, 5])
    func rehashed(sequence: Int) {
        var (records, head) = trail(5)
        records[sequence - 1] = records[sequence - 1].altered(rehashed: true)
        let report = verify(records, head: head)
        #expect(!report.valid)
        #expect(report.firstBad == Int64(min(sequence + 1, 5)))
    }

    @Test("a trail that was written anew from some record on is found by its head", arguments: [1, 3, 5])
    func rewritten(sequence: Int) {
        let (records, head) = trail(5)
        let kept = Array(records[..<(sequence - 1)])
        let start = kept.last.map { AuditHead(sequence: $0.sequence, hash: $0.hash) } ?? .genesis
        var chain = AuditChain(head: start)
        let forged = kept + (sequence...5).map { _ in chain.append(.bare) }
        #expect(verify(forged, head: nil).valid, "the chain itself is sound")
        let report = verify(forged, head: head)
        #expect(!report.valid)
        #expect(report.firstBad == 5)
    }

    @Test("a missing record is found", arguments: [1, 3])
    func missing(sequence: Int) {
        var (records, head) = trail(5)
        records.remove(at: sequence - 1)
        let report = verify(records, head: head)
        #expect(!report.valid)
        #expect(report.firstBad == Int64(sequence))
    }

    @Test("records cut off the end are found by the head", arguments: [1, 3, 5])
    func truncated(cut: Int) {
        let (records, head) = trail(5)
        let report = verify(Array(records.dropLast(cut)), head: head)
        #expect(!report.valid)
        #expect(report.firstBad == Int64(6 - cut))
        #expect(report.problem?.contains("truncated") == true)
    }

    @Test("a trail that was emptied and begun anew is found by the head")
    func restarted() {
        let (_, head) = trail(5)
        #expect(!verify([], head: head).valid)
    }

    @Test("a record that was moved is found", arguments: [(0, 1), (2, 3), (3, 4), (0, 4)])
    func reordered(first: Int, second: Int) {
        var (records, head) = trail(5)
        records.swapAt(first, second)
        let report = verify(records, head: head)
        #expect(!report.valid)
        #expect(report.firstBad == Int64(first + 1))
    }

    @Test("a repeated record is found", arguments: [1, 3, 5])
    func repeated(sequence: Int) {
        var (records, head) = trail(5)
        records.insert(records[sequence - 1], at: sequence)
        let report = verify(records, head: head)
        #expect(!report.valid)
        #expect(report.firstBad == Int64(sequence))
    }

    @Test("a record put in between is found")
    func inserted() {
        var (records, head) = trail(5)
        var chain = AuditChain(head: AuditHead(sequence: 2, hash: records[1].hash))
        records.insert(chain.append(.bare), at: 2)
        let report = verify(records, head: head)
        #expect(!report.valid)
        #expect(report.firstBad == 3)
    }

    @Test("a record added after the head is found")
    func added() {
        let (records, head) = trail(5)
        var chain = AuditChain(head: head)
        let report = verify(records + [chain.append(.bare)], head: head)
        #expect(!report.valid)
        #expect(report.firstBad == 6)
    }

    @Test("a record with another's number is found though its hash is its own")
    func renumbered() {
        var (records, head) = trail(3)
        let previous = records[0].hash
        let hash = AuditRecord.hash(sequence: 9, event: .bare, previous: previous)
        records[1] = AuditRecord(sequence: 9, event: .bare, previousHash: previous, hash: hash)
        #expect(verify(records, head: head).firstBad == 2)
    }

    @Test("after a bad record nothing is vouched for, and the first problem stays the one reported")
    func firstProblem() {
        var (records, _) = trail(5)
        records[1] = records[1].altered()
        records[3] = records[3].altered()
        var verifier = AuditVerifier()
        let answers = records.map { verifier.consume($0) }
        #expect(answers == [true, false, false, false, false])
        #expect(verifier.report.firstBad == 2)
        #expect(verifier.report.records == 5)
    }

    @Test("a trail may be taken up from a known head")
    func fromHead() {
        let (start, middle) = trail(3)
        let (rest, head) = trail(2, from: middle)
        var verifier = AuditVerifier(start: middle)
        for record in rest {
            let good = verifier.consume(record)
            #expect(good)
        }
        verifier.finish(expecting: head)
        #expect(verifier.report.valid)
        #expect(verifier.report.first == 4)

        var wrong = AuditVerifier(start: AuditHead(sequence: 3, hash: start[1].hash))
        wrong.consume(rest[0])
        #expect(wrong.report.firstBad == 4)
    }

    @Test("numbers at the end of their range do not stop the process", arguments: [Int64.min, 0, .max])
    func extremes(sequence: Int64) {
        let hash = AuditHead.genesis.hash
        let record = AuditRecord(sequence: sequence, event: .bare, previousHash: hash, hash: hash)
        for start in [AuditHead.genesis, AuditHead(sequence: .max, hash: hash), AuditHead(sequence: .min, hash: hash)] {
            var verifier = AuditVerifier(start: start)
            let good = verifier.consume(record)
            #expect(!good)
            verifier.finish(expecting: AuditHead(sequence: sequence, hash: hash))
            #expect(!verifier.report.valid)
        }
    }
}
