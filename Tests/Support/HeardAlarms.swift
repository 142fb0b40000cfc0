package import OAuth
import Synchronization
import Vault

/// What rang, in order.
package final class HeardAlarms: Sendable {
    private let heard = Mutex<[Alarm]>([])

    package init() {}

    package var all: [Alarm] { heard.withLock { $0 } }

    /// What the alarms of a kind were about.
    package func targets(_ kind: Alarm.Kind) -> [String] {
        all.filter { $0.kind == kind }.map { $0.event.target ?? "" }
    }

    package func hear(_ alarm: Alarm) { heard.withLock { $0.append(alarm) } }
}
