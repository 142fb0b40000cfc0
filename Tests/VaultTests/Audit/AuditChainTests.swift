import Testing
import Vault

@Suite("Audit chain and head")
struct AuditChainTests {
    private let key = AuditKey(Secret(Array(0..<32)))

    @Test("records are numbered from 1 and linked, and the head follows")
    func append() {
        let (records, head) = trail(3)
        #expect(records.map(\.sequence) == [1, 2, 3])
        #expect(records[0].previousHash == AuditHead.genesis.hash)
        #expect(records[1].previousHash == records[0].hash)
        #expect(records[2].previousHash == records[1].hash)
        #expect(head == AuditHead(sequence: 3, hash: records[2].hash))
    }

    @Test("a chain goes on from a stored head as if it had never stopped")
    func resumed() {
        let (whole, _) = trail(4)
        let (start, head) = trail(2)
        var resumed = AuditChain(head: head)
        let rest = [resumed.append(.issued("jti-2")), resumed.append(.issued("jti-3"))]
        #expect(start + rest == whole)
    }

    @Test("a copy of a chain that is dropped leaves the chain as it was")
    func value() {
        var chain = AuditChain(head: .genesis)
        var attempt = chain
        _ = attempt.append(.bare)
        #expect(chain.head == .genesis)
        let first = chain.append(.full)
        #expect(first.sequence == 1)
    }

    @Test("the same event at another place has another hash")
    func placed() {
        var chain = AuditChain(head: .genesis)
        let (first, second) = (chain.append(.bare), chain.append(.bare))
        #expect(first.hash != second.hash)
    }

    @Test("an event is linked in the same way without a record of it")
    func linked() {
        var chain = AuditChain(head: .genesis)
        var same = chain
        chain.link(.full)
        let record = same.append(.full)
        #expect(chain.head == same.head)
        #expect(chain.head == AuditHead(sequence: record.sequence, hash: record.hash))
    }

    @Test("the head's code is HMAC-SHA-256 over its number and hash")
    func mac() {
        let head = AuditHead(sequence: 7, hash: [UInt8](repeating: 0xab, count: 32))
        #expect(head.mac(key: key).hex == "3f801f1111c40dcc7576fcf49649a8885afe76d099b28f89817dcb339d8482eb")
    }

    @Test("a code vouches for one head under one key only")
    func macBound() {
        let (records, head) = trail(3)
        let mac = head.mac(key: key)
        #expect(head.matches(mac: mac, key: key))
        #expect(!AuditHead(sequence: 2, hash: records[1].hash).matches(mac: mac, key: key))
        #expect(!AuditHead(sequence: 2, hash: head.hash).matches(mac: mac, key: key))
        #expect(!AuditHead(sequence: 3, hash: records[1].hash).matches(mac: mac, key: key))
        #expect(!head.matches(mac: mac, key: AuditKey(Secret(AuditKey.generateBytes()))))
        #expect(!head.matches(mac: [], key: key))
        #expect(!head.matches(mac: Array(mac.dropLast()), key: key))
    }

    @Test("generated key bytes are 32 and fresh, and the key does not show in text")
    func keys() {
        #expect(AuditKey.generateBytes().count == 32)
        #expect(AuditKey.generateBytes() != AuditKey.generateBytes())
        #expect("\(key)".contains("[redacted]"))
    }
}
