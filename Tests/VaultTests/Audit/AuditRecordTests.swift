import JOSE
import Testing
import Vault

@Suite("Audit records")
struct AuditRecordTests {
    @Test("the canonical bytes of an event with every member are fixed")
    func goldenFull() {
        #expect(String(decoding: AuditEvent.full.canonicalBytes(sequence: 2), as: UTF8.self) == AuditEvent.fullText)
    }

    @Test("the canonical bytes of an event with no optional member are fixed")
    func goldenBare() {
        #expect(String(decoding: AuditEvent.bare.canonicalBytes(sequence: 1), as: UTF8.self) == AuditEvent.bareText)
    }

    @Test("a hash is SHA-256 over the previous hash and the canonical bytes")
    func goldenHash() {
        // From another implementation of SHA-256, over the two texts above.
        var chain = AuditChain(head: .genesis)
        let first = chain.append(.bare)
        let second = chain.append(.full)
        #expect(first.previousHash == [UInt8](repeating: 0, count: 32))
        #expect(Base64URL.encode(first.hash) == "2t5Ur88YSB_3jqsJQOu7KxLEXqJE00hAFldbv9sqX3A")
        #expect(second.previousHash == first.hash)
        #expect(Base64URL.encode(second.hash) == "qb59tgjc-6LPIfgFu7GXPOy5fwg4lhxkPt4Ziw_UHeE")
    }

    @Test("a line is the canonical bytes with the two hashes at the end")
    func line() {
        var chain = AuditChain(head: .genesis)
        let record = chain.append(.bare)
        let line = String(decoding: record.jsonLine(), as: UTF8.self)
        let previous = #","previous_hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA""#
        let hash = #","hash":"2t5Ur88YSB_3jqsJQOu7KxLEXqJE00hAFldbv9sqX3A"}"#
        #expect(line == "\(AuditEvent.bareText.prefix(AuditEvent.bareText.count - 1))\(previous)\(hash)\n")
    }

    @Test(
        "a record comes back the same through its JSON and through its line",
        arguments: [AuditEvent.full, .detailed, .bare])
    func roundTrip(event: AuditEvent) throws {
        var chain = AuditChain(head: .genesis)
        let record = chain.append(event)
        #expect(try AuditRecord(json: record.json) == record)
        guard case .object(let parsed) = try JSON(parsing: Array(record.jsonLine().dropLast())) else {
            Issue.record("a line is an object")
            return
        }
        #expect(parsed == record.json)
        #expect(try AuditRecord(json: parsed) == record)
    }

    @Test("an event alone comes back from its canonical bytes", arguments: [AuditEvent.full, .detailed, .bare])
    func decodeEvent(event: AuditEvent) throws {
        guard case .object(let parsed) = try JSON(parsing: event.canonicalBytes(sequence: 7)) else {
            Issue.record("the canonical form is an object")
            return
        }
        let decoded = try AuditEvent.decode(parsed)
        #expect(decoded.sequence == 7)
        #expect(decoded.event == event)
    }

    @Test(
        "before, after and authorization_details keep their text, whatever it is",
        arguments: [
            "{}", #"{"a":1}"#, #"{ "a": 1 }"#, #"{"a":1.50}"#, #"{"a":1e3}"#, "null", "[1]", "7", #""text""#, "", "{",
            #"{"a":1,"a":2}"#, #"{"a":"\u00e9"}"#, #"{"a":"é/\n"}"#, #"{"b":{"c":[true,null,-3]}}"#,
        ])
    func embedded(text: String) throws {
        var event = AuditEvent.bare
        event.before = text
        event.after = text
        event.authorizationDetails = text
        var chain = AuditChain(head: .genesis)
        let record = chain.append(event)
        guard case .object(let parsed) = try JSON(parsing: Array(record.jsonLine().dropLast())) else {
            Issue.record("a line is an object")
            return
        }
        let read = try AuditRecord(json: parsed)
        #expect(read == record)
        #expect(AuditRecord.hash(sequence: 1, event: read.event, previous: read.previousHash) == record.hash)
    }

    @Test("no two members can stand for one another")
    func distinctMembers() {
        let members: [WritableKeyPath<AuditEvent, String?>] = [
            \.clientID, \.agentID, \.delegatingUser, \.delegationID, \.sessionID, \.taskID, \.jti, \.parentJTI,
            \.resource, \.apiEndpoint, \.mcpServer, \.scopeGranted, \.requestContext, \.requestID, \.traceID, \.target,
            \.before, \.after, \.authorizationDetails,
        ]
        var hashes = [AuditRecord.hash(sequence: 1, event: .bare, previous: AuditHead.genesis.hash)] as Set
        for member in members {
            var event = AuditEvent.bare
            event[keyPath: member] = "x"
            hashes.insert(AuditRecord.hash(sequence: 1, event: event, previous: AuditHead.genesis.hash))
        }
        #expect(hashes.count == members.count + 1)
    }

    @Test("a text that looks like more members stays a text")
    func injection() throws {
        var event = AuditEvent.bare
        event.clientID = "a\",\"decision\":\"allow\u{0}\n\u{7f}\u{2028}😀\\"
        var chain = AuditChain(head: .genesis)
        let record = chain.append(event)
        let line = record.jsonLine()
        #expect(line.filter { $0 == UInt8(ascii: "\n") }.count == 1)
        guard case .object(let parsed) = try JSON(parsing: Array(line.dropLast())) else {
            Issue.record("a line is an object")
            return
        }
        #expect(try AuditRecord(json: parsed) == record)
    }

    @Test("the members of a record may come in any order")
    func anyOrder() throws {
        var chain = AuditChain(head: .genesis)
        let record = chain.append(.full)
        var reversed = JSONObject()
        for member in record.json.members.reversed() { reversed[member.name] = member.value }
        #expect(try AuditRecord(json: reversed) == record)
    }

    @Test(
        "a record without a member that every record has is refused",
        arguments: ["seq", "timestamp", "event", "decision", "previous_hash", "hash"])
    func missing(name: String) {
        var chain = AuditChain(head: .genesis)
        var json = chain.append(.full).json
        json[name] = nil
        #expect(throws: VaultError.malformedRecord(member: name)) { try AuditRecord(json: json) }
    }

    @Test(
        "a member of the wrong type is refused",
        arguments: [
            ("seq", .string("1")), ("seq", .integer(0)), ("seq", .integer(-1)), ("seq", .number(1.5)),
            ("timestamp", .integer(0)), ("timestamp", .string("2026-03-01T09:30:00Z")), ("event", .null),
            ("decision", .string("maybe")), ("client_id", .null), ("client_id", .integer(1)),
            ("token_ttl", .string("300")), ("token_ttl", .number(0.5)), ("policy_evaluation", .string("permit")),
            ("policy_evaluation", .object(JSONObject())), ("before", .array([])), ("before", .null),
            ("previous_hash", .string("AAAA")), ("hash", .string("")), ("hash", .bool(true)),
            ("hash", .string("2t5Ur88YSB_3jqsJQOu7KxLEXqJE00hAFldbv9sqX3A=")),
        ] as [(String, JSON)])
    func wrongType(name: String, value: JSON) {
        var chain = AuditChain(head: .genesis)
        var json = chain.append(.full).json
        json[name] = value
        #expect(throws: VaultError.self) { try AuditRecord(json: json) }
    }

    @Test("a member that no record has is refused, also within the policy's evaluation")
    func unknown() {
        var chain = AuditChain(head: .genesis)
        var json = chain.append(.full).json
        json["comment"] = .string("x")
        #expect(throws: VaultError.malformedRecord(member: "comment")) { try AuditRecord(json: json) }
        json["comment"] = nil
        guard case .object(var evaluation)? = json["policy_evaluation"] else {
            Issue.record("the full event has an evaluation")
            return
        }
        evaluation["score"] = .integer(1)
        json["policy_evaluation"] = .object(evaluation)
        #expect(throws: VaultError.malformedRecord(member: "score")) { try AuditRecord(json: json) }
    }

    @Test("an ordinary token's record is under 600 bytes")
    func size() {
        var event = AuditEvent(timestamp: 1_772_357_400_250, name: .tokenIssued, decision: .allow)
        event.clientID = "01JNZ6Q5T0W9V3S8XK4M2B7C1D"
        event.agentID = "01JNZ6Q5T0W9V3S8XK4M2B7C1D/worker-3"
        event.taskID = "invoice-2026-03-0017"
        event.jti = "01JNZ6R0A1B2C3D4E5F6G7H8J9"
        event.resource = "https://files.example.com/mcp"
        event.apiEndpoint = "/token"
        event.scopeGranted = "files:read files:list"
        event.tokenTTL = 300
        event.policyEvaluation = .init(verdict: "permit", rule: "client-resources")
        event.requestID = "01JNZ6R0A1B2C3D4E5F6G7H8JA"
        let canonical = event.canonicalBytes(sequence: 1_000_001)
        #expect(canonical.count + 64 < 600, "the stored hashes add 64 bytes")
    }

    @Test("every event of the contract has its name")
    func names() {
        let names: [AuditEvent.Name] = [
            .tokenIssued, .tokenExchanged, .tokenRefused, .tokenRevoked, .clientCreated, .clientUpdated, .clientDeleted,
            .clientSecretRotated, .resourceCreated, .resourceUpdated, .resourceDeleted, .issuerTrusted, .issuerUpdated,
            .issuerDistrusted, .ruleCreated, .ruleDeleted, .delegationCreated, .delegationUpdated, .delegationRevoked,
            .revocationCreated, .keyCreated, .keyRotated, .adminRefused,
        ]
        let contract = """
            token.issued token.exchanged token.refused token.revoked
            client.created client.updated client.deleted client.secret_rotated
            resource.created resource.updated resource.deleted
            issuer.trusted issuer.updated issuer.distrusted
            rule.created rule.deleted
            delegation.created delegation.updated delegation.revoked
            revocation.created key.created key.rotated admin.refused
            """
        #expect(names.map(\.rawValue) == contract.split(whereSeparator: \.isWhitespace).map { String($0) })
    }
}
