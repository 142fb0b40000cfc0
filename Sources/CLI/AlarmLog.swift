import Logging
import OAuth
import Server
import Vault

/// Where alarms go beside the audit trail: a counter, and a line of the log that says what the record says.
enum AlarmLog {
    static func bell(_ metrics: Metrics, _ logger: Logger) -> AlarmBell {
        { alarm in
            metrics.alarm(alarm.kind)
            guard !alarm.isRepeated else { return }
            logger.error(
                "\(sentence(alarm.kind))",
                metadata: [
                    "event": "\(alarm.event.name.rawValue)", "target": "\(alarm.event.target ?? "")",
                    "details": "\(alarm.event.after ?? "")", "endpoint": "\(alarm.event.apiEndpoint ?? "")",
                    "client": "\(alarm.event.clientID ?? "")", "request_id": "\(alarm.event.requestID ?? "")",
                ]
            )
        }
    }

    private static func sentence(_ kind: Alarm.Kind) -> String {
        switch kind {
        case .boxRefused: "a sealed value does not open: it was changed, cut or moved in the database"
        case .canaryUsed: "a planted credential was used: its place has been read"
        case .connectionBroken: "an account is not connected any more: a person has to connect it again"
        case .unwrappedTwice: "a reference was opened twice: somebody else has read the value"
        }
    }
}
