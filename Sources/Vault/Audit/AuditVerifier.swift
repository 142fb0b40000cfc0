/// The reading end of the trail: takes its records in order and finds what was altered, removed, moved or added.
///
/// The chain alone cannot show that records were cut off its end: give `finish` the head that is kept elsewhere, or
/// `check` a signed checkpoint.
package struct AuditVerifier: Sendable {
    /// What was found so far; final after `finish`.
    package private(set) var report = AuditReport()

    private(set) var head: AuditHead
    /// Checkpoints that speak of records not yet read.
    private var awaited: [Int64: [UInt8]] = [:]

    /// - Parameter start: the head before the first record that will come: `.genesis`, or the last head of an archive.
    package init(start: AuditHead = .genesis) {
        head = start
    }

    /// Takes up a check whose start became known only now.
    init(start: AuditHead, report: AuditReport) {
        head = start
        self.report = report
    }

    /// Takes the next record.
    ///
    /// - Returns: whether this record, and every one before it, is what was written. After the first bad record nothing
    ///   is vouched for any more; the rest is only counted.
    @discardableResult
    package mutating func consume(_ record: AuditRecord) -> Bool {
        report.records += 1
        report.first = report.first ?? record.sequence
        report.last = record.sequence
        guard report.problem == nil else { return false }

        let (expected, overflow) = head.sequence.addingReportingOverflow(1)
        if overflow || record.sequence < expected {
            report.note(
                "Record \(record.sequence) comes after record \(head.sequence): it is repeated or out of order.",
                firstBad: record.sequence)
        } else if record.sequence > expected {
            report.note(
                "Record \(expected) is missing or out of order: record \(record.sequence) is in its place.",
                firstBad: expected)
        } else if record.previousHash != head.hash {
            report.note(
                "Record \(record.sequence) does not continue the one before it: one of the two was altered.",
                firstBad: record.sequence)
        } else if record.hash != record.computedHash {
            report.note("Record \(record.sequence) was altered: its hash is not its own.", firstBad: record.sequence)
        } else {
            head = AuditHead(sequence: record.sequence, hash: record.hash)
            compareAwaited()
        }
        return report.problem == nil
    }

    /// Compares the trail with a checkpoint: at once when it speaks of the record just read, later when it speaks of
    /// one still to come.
    ///
    /// - Returns: `false` when it contradicts the trail, or speaks of a record that has already gone by.
    @discardableResult
    package mutating func check(_ checkpoint: AuditCheckpoint) -> Bool {
        guard report.problem == nil else { return false }
        let attested = checkpoint.head
        if attested.sequence < head.sequence { return false }
        if let other = awaited[attested.sequence], other != attested.hash {
            report.note(
                "Two checkpoints disagree about record \(attested.sequence): one is forged or of another trail.",
                firstBad: attested.sequence)
            return false
        }
        awaited[attested.sequence] = attested.hash
        compareAwaited()
        return report.problem == nil
    }

    /// Ends the check.
    ///
    /// - Parameter head: where the trail must end, if that is known from elsewhere than the records.
    package mutating func finish(expecting head: AuditHead?) {
        if let head {
            if head.sequence > self.head.sequence {
                noteMissing(upTo: head.sequence)
            } else if head.sequence < self.head.sequence {
                report.note(
                    "The trail should end with record \(head.sequence): the records after it were added.",
                    firstBad: head.sequence + 1)
            } else if head.hash != self.head.hash {
                report.note(
                    "Record \(head.sequence) is not the one that the trail should end with: it was altered.",
                    firstBad: head.sequence)
            }
        }
        if let latest = awaited.keys.max(), latest > self.head.sequence {
            noteMissing(upTo: latest)
        }
    }

    /// Ends the trust in what is read, for a reason that lies outside the chain.
    mutating func fail(_ problem: String) {
        report.note(problem)
    }

    private mutating func compareAwaited() {
        guard let attested = awaited.removeValue(forKey: head.sequence), attested != head.hash else { return }
        report.note(
            "Record \(head.sequence) is not the one that the checkpoint attests: the trail was rewritten up to it.",
            firstBad: head.sequence)
    }

    private mutating func noteMissing(upTo last: Int64) {
        let first = head.sequence + 1
        report.note(
            first == last
                ? "The trail is truncated: record \(last) is missing."
                : "The trail is truncated: records \(first) to \(last) are missing.",
            firstBad: first)
    }
}
