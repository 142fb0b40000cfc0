import Logging
import OAuth

extension BackgroundWork {
    /// Gives secrets new values when they are due.
    static func rotation(_ server: AuthorizationServer, _ logger: Logger) async {
        await server.rotationDesk.scheduler.run { name, outcome in
            switch outcome {
            case .rotated(let secret):
                logger.info(
                    "rotated a secret", metadata: ["secret": "\(name)", "version": "\(secret.current ?? 0)"])
            case .failed(let reason, let next):
                logger.error(
                    "a secret could not be rotated; nothing of it has changed",
                    metadata: ["secret": "\(name)", "reason": "\(reason)", "next_attempt": "\(RFC3339.text(next))"]
                )
            case .nothingToDo: break
            }
        }
    }
}
