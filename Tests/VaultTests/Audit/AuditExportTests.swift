import JOSE
import Testing
import Vault

@Suite("Audit exports")
struct AuditExportTests {
    private let issuer = "https://legate.example"
    private let key: SigningKey
    private let keys: JWKSet

    init() throws {
        key = try SigningKey.generate(.es256)
        keys = JWKSet(keys: [key.publicKey])
    }

    /// An export as the server writes it.
    private func export(_ records: [AuditRecord], head: AuditHead, count: Int? = nil) throws -> [[UInt8]] {
        let compact = try AuditCheckpoint.make(
            head: head, issuer: issuer, now: 1_772_357_400_250, key: key, records: count ?? records.count)
        return records.map { $0.jsonLine() } + [AuditExport.checkpointLine(compact)]
    }

    private func verify(_ lines: [[UInt8]], start: AuditHead? = nil) -> AuditReport {
        AuditExport.verify(lines: lines, keys: keys, issuer: issuer, start: start)
    }

    @Test("an untouched export verifies, with newlines or without")
    func untouched() throws {
        let (records, head) = trail(5)
        let lines = try export(records, head: head)
        for form in [lines, lines.map { Array($0.dropLast()) }, lines.flatMap { [$0, []] }] {
            let report = verify(form)
            #expect(report.valid)
            #expect(report.records == 5)
            #expect(report.first == 1)
            #expect(report.last == 5)
            #expect(report.checkpoint == .verified)
        }
    }

    @Test("records with every member and with none verify")
    func members() throws {
        var chain = AuditChain(head: .genesis)
        let records = [chain.append(.bare), chain.append(.full)]
        #expect(try verify(export(records, head: chain.head)).valid)
    }

    @Test("every line of an export is one line of JSON")
    func lines() throws {
        let (records, head) = trail(2)
        for line in try export(records, head: head) {
            #expect(line.last == UInt8(ascii: "\n"))
            #expect(line.dropLast().allSatisfy { $0 >= 0x20 })
            #expect(throws: Never.self) { try JSON(parsing: Array(line.dropLast())) }
        }
    }

    @Test("without keys the records are checked, and the report says that the signature was not")
    func withoutKeys() throws {
        let (records, head) = trail(5)
        let report = try AuditExport.verify(lines: export(records, head: head))
        #expect(report.valid)
        #expect(report.checkpoint == .unverified)
    }

    @Test("an export may start in the middle of the trail, and the report says where")
    func middle() throws {
        let (_, start) = trail(3)
        let (records, head) = trail(2, from: start)
        let lines = try export(records, head: head)
        let report = verify(lines)
        #expect(report.valid)
        #expect(report.first == 4)
        #expect(report.last == 5)
        #expect(verify(lines, start: start).valid)
        #expect(verify(lines, start: .genesis).firstBad == 1)
        #expect(!verify(lines, start: AuditHead(sequence: 3, hash: head.hash)).valid)
    }

    @Test("an export without records is its checkpoint alone")
    func empty() throws {
        let (_, head) = trail(3)
        let report = try verify(export([], head: head))
        #expect(report.valid)
        #expect(report.records == 0)
        #expect(report.first == nil)
    }

    @Test("an export whose records were all removed is found by their number")
    func emptied() throws {
        let (_, head) = trail(3)
        let report = try verify(export([], head: head, count: 3))
        #expect(!report.valid)
        #expect(report.problem?.contains("truncated") == true)
    }

    @Test("an export without a checkpoint at its end is truncated")
    func noCheckpoint() throws {
        let (records, head) = trail(3)
        let lines = try export(records, head: head)
        for cut in [lines.dropLast(), lines.dropLast(2), []] {
            let report = verify(Array(cut))
            #expect(!report.valid)
            #expect(report.problem?.contains("truncated") == true)
            #expect(report.checkpoint == .absent)
        }
    }

    @Test("a record removed from an export is found", arguments: [0, 1, 2, 4])
    func missing(index: Int) throws {
        let (records, head) = trail(5)
        var lines = try export(records, head: head)
        lines.remove(at: index)
        #expect(!verify(lines).valid)
    }

    @Test("a record altered in an export is found", arguments: [0, 2, 4], [false, true])
    func altered(index: Int, rehashed: Bool) throws {
        let (records, head) = trail(5)
        var lines = try export(records, head: head)
        lines[index] = records[index].altered(rehashed: rehashed).jsonLine()
        let report = verify(lines)
        #expect(!report.valid)
        #expect(report.firstBad == Int64(rehashed ? min(index + 2, 5) : index + 1))
    }

    @Test("any single character changed in a record of an export is found")
    func everyByte() throws {
        let (records, head) = trail(2)
        let lines = try export(records, head: head)
        for index in lines[0].indices.dropLast() {
            var changed = lines
            changed[0][index] ^= 1
            #expect(!verify(changed).valid, "byte \(index)")
        }
    }

    @Test("records moved or repeated in an export are found")
    func moved() throws {
        let (records, head) = trail(5)
        let lines = try export(records, head: head)
        var swapped = lines
        swapped.swapAt(1, 2)
        #expect(verify(swapped).firstBad == 2)
        var repeated = lines
        repeated.insert(lines[4], at: 5)
        #expect(verify(repeated).firstBad == 5)
    }

    @Test("a trail forged with a checkpoint of another key or issuer is found")
    func forged() throws {
        var chain = AuditChain(head: .genesis)
        let records = [chain.append(.bare)]
        let stranger = try SigningKey.generate(.es256)
        for (issuer, signer) in [(issuer, stranger), ("https://other.example", key)] {
            let compact = try AuditCheckpoint.make(head: chain.head, issuer: issuer, now: 0, key: signer)
            let report = verify([records[0].jsonLine(), AuditExport.checkpointLine(compact)])
            #expect(!report.valid)
            #expect(report.checkpoint == .absent)
        }
    }

    @Test("a checkpoint of an earlier or another head does not close the export")
    func otherHead() throws {
        let (records, head) = trail(5)
        let earlier = AuditHead(sequence: 4, hash: records[3].hash)
        #expect(try verify(export(records, head: earlier)).firstBad == 5)
        #expect(try verify(export(records, head: AuditHead(sequence: 5, hash: earlier.hash))).firstBad == 5)
        #expect(try verify(export(records, head: AuditHead(sequence: 7, hash: head.hash))).firstBad == 6)
        #expect(try !verify(export(records, head: AuditHead(sequence: .max, hash: head.hash))).valid)
    }

    @Test("archives that continue one another verify as one, and a gap between them is found")
    func concatenated() throws {
        let (first, middle) = trail(3)
        let (second, end) = trail(2, from: middle)
        let (third, last) = trail(2, from: end)
        let archives = try [export(first, head: middle), export(second, head: end), export(third, head: last)]
        let report = verify(archives.flatMap { $0 })
        #expect(report.valid)
        #expect(report.records == 7)
        #expect(verify(archives[1...].flatMap { $0 }).first == 4)
        #expect(verify(archives[0] + archives[2]).firstBad == 4)
        #expect(!verify(archives[1] + archives[0]).valid)
    }

    @Test("records after the last checkpoint are not attested")
    func afterCheckpoint() throws {
        let (records, head) = trail(3)
        var chain = AuditChain(head: head)
        let lines = try export(records, head: head) + [chain.append(.bare).jsonLine()]
        let report = verify(lines)
        #expect(!report.valid)
        #expect(report.checkpoint == .absent)
    }

    @Test(
        "a line that is neither a record nor a checkpoint is found",
        arguments: [
            "x", "{", "[]", "null", "{}", #"{"seq":1}"#, #"{"checkpoint":1}"#, #"{"checkpoint":"a.b.c"}"#, " ", "\u{0}",
            #"{"checkpoint":""}"#, #"{"seq":9223372036854775808}"#, #"{"seq":-9223372036854775808}"#,
        ])
    func garbage(line: String) throws {
        let (records, head) = trail(3)
        let lines = try export(records, head: head)
        for index in 0...lines.count {
            var changed = lines
            changed.insert(Array(line.utf8), at: index)
            #expect(!verify(changed).valid, "at line \(index)")
        }
    }

    @Test("a checkpoint line with further members is no checkpoint")
    func decoratedCheckpoint() throws {
        let (records, head) = trail(1)
        var lines = try export(records, head: head)
        lines[1] = Array(lines[1].dropLast(2)) + Array(#","note":"x"}"#.utf8)
        #expect(!verify(lines).valid)
    }

    @Test("good records are handed on as they are read, bad ones are not")
    func streaming() throws {
        let (records, head) = trail(3)
        var lines = try export(records, head: head)
        lines[1] = records[1].altered().jsonLine()
        var export = AuditExport(keys: keys, issuer: issuer)
        let read = lines.map { export.consume(line: $0) }
        #expect(read == [records[0], nil, nil, nil])
    }

    @Test("before and after of a registry change survive an export, however deep", arguments: [1, 29, 30, 31, 32, 40])
    func deep(depth: Int) throws {
        var event = AuditEvent.bare
        event.before = String(repeating: #"{"a":"#, count: depth) + "1" + String(repeating: "}", count: depth)
        event.after = event.before
        var chain = AuditChain(head: .genesis)
        let record = chain.append(event)
        #expect(try verify(export([record], head: chain.head)).valid)
    }
}
