package import JOSE

/// Checks a whole export or archive, line by line, without holding more than one line.
///
/// The form is JSON Lines: records in order, and as the last line `{"checkpoint":"COMPACT_JWS"}`. Files that continue
/// one another may be given as one, each ended by its own checkpoint.
package struct AuditExport: Sendable {
    private let keys: JWKSet?
    private let issuer: String?
    private var verifier: AuditVerifier
    /// Whether the head before the next record is known.
    private var started: Bool
    private var lines = 0
    /// How many records came since the last checkpoint.
    private var recordsInSegment: Int64 = 0
    private var checkpoint = AuditReport.Checkpoint.absent

    /// - Parameters:
    ///   - keys: the signing server's keys; without them signatures are not checked, and the report says so.
    ///   - issuer: who must have signed; `nil` accepts anyone who holds one of the keys.
    ///   - start: the head before the first record, when it is known from elsewhere. Without it the first record's own
    ///     `previous_hash` is taken for it, and what came before is not vouched for.
    package init(keys: JWKSet? = nil, issuer: String? = nil, start: AuditHead? = nil) {
        self.keys = keys
        self.issuer = issuer
        verifier = AuditVerifier(start: start ?? .genesis)
        started = start != nil
    }

    /// Checks a whole export at once; the lines may be lazy, and may end with a newline or not.
    package static func verify(
        lines: some Sequence<[UInt8]>, keys: JWKSet? = nil, issuer: String? = nil, start: AuditHead? = nil
    ) -> AuditReport {
        var export = AuditExport(keys: keys, issuer: issuer, start: start)
        for line in lines { export.consume(line: line) }
        return export.finish()
    }

    /// The line that ends an export, the newline included.
    package static func checkpointLine(_ compact: String) -> [UInt8] {
        var writer = JSONWriter(capacity: compact.utf8.count + 24)
        writer.beginObject()
        writer.member("checkpoint", compact)
        writer.endObject()
        return writer.bytes + [UInt8(ascii: "\n")]
    }

    /// Takes the next line. Empty lines are passed over.
    ///
    /// - Returns: the record, when the line was one and everything up to it is good.
    @discardableResult
    package mutating func consume(line: [UInt8]) -> AuditRecord? {
        lines += 1
        let text = line.last == UInt8(ascii: "\n") ? line.dropLast() : line[...]
        guard !text.isEmpty else { return nil }
        guard case .object(let object)? = try? JSON(parsing: Array(text)) else {
            verifier.fail("Line \(lines) is not a JSON object: the export was cut or changed there.")
            return nil
        }
        if case .string(let compact)? = object["checkpoint"], object.members.count == 1 {
            close(compact)
            return nil
        }
        do {
            let record = try AuditRecord(json: object)
            return take(record) ? record : nil
        } catch {
            verifier.fail("Line \(lines) is not an audit record. \(error)")
            return nil
        }
    }

    /// Ends the check: an export whose last line is no checkpoint is truncated.
    package mutating func finish() -> AuditReport {
        if checkpoint == .absent {
            verifier.fail("The export is truncated: its last line is not a checkpoint.")
        }
        var report = verifier.report
        report.checkpoint = checkpoint
        return report
    }

    private mutating func take(_ record: AuditRecord) -> Bool {
        if !started {
            verifier = AuditVerifier(
                start: AuditHead(sequence: record.sequence - 1, hash: record.previousHash), report: verifier.report)
            started = true
        }
        recordsInSegment += 1
        checkpoint = .absent
        return verifier.consume(record)
    }

    private mutating func close(_ compact: String) {
        let attested: AuditCheckpoint
        do {
            attested =
                if let keys {
                    try AuditCheckpoint(verifying: compact, keys: keys, issuer: issuer)
                } else {
                    try AuditCheckpoint(unverified: compact)
                }
        } catch {
            verifier.fail("The checkpoint in line \(lines) is not acceptable. \(error)")
            return
        }
        if !started {
            verifier = AuditVerifier(start: attested.head, report: verifier.report)
            started = true
        }
        verifier.finish(expecting: attested.head)
        if let records = attested.records, records != recordsInSegment {
            verifier.fail(
                "The export is truncated: the checkpoint in line \(lines) closes \(records) records, but "
                    + "\(recordsInSegment) are there.")
        }
        recordsInSegment = 0
        checkpoint = keys == nil ? .unverified : .verified
    }
}
