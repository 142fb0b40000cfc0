import Logging
import OAuth

extension BackgroundWork {
    /// Publishes the next signing keys in time and erases those that are over.
    static func signingKeys(_ server: AuthorizationServer, _ logger: Logger) async {
        await server.keyKeeper.run { deed in
            switch deed {
            case .published(let keyID, let algorithm, let activeFrom):
                logger.notice(
                    "published the next signing key",
                    metadata: [
                        "kid": "\(keyID)", "alg": "\(algorithm)", "active_from": "\(RFC3339.text(activeFrom))",
                    ]
                )
            case .erased(let keyID, let algorithm):
                logger.notice("erased a private signing key", metadata: ["kid": "\(keyID)", "alg": "\(algorithm)"])
            case .failed(let reason):
                logger.error("signing keys were not tended to; it is tried again", metadata: ["reason": "\(reason)"])
            }
        }
    }
}
