import Logging
import OAuth

/// What an open server does when nobody asks. Each goes on until its task is cancelled.
enum BackgroundWork {
    /// Tells the followers of the revocation feed that all is well.
    static func heartbeat(_ server: AuthorizationServer) async {
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: RevocationFeed.heartbeat)
                try server.revocationFeed.beat(at: Assembly.now())
            } catch {
                // Without a key there is no heartbeat, and followers fail closed.
                continue
            }
        }
    }

    /// Seals anew what older terms of the keyring sealed.
    static func resealing(_ server: AuthorizationServer, _ logger: Logger) async {
        await server.keyringDesk.resealer.run { error in
            logger.error("re-sealing failed; it is tried again", metadata: ["error": "\(error)"])
        }
    }

    /// Brings security events to their receivers.
    static func eventDelivery(_ server: AuthorizationServer, _ logger: Logger) async {
        await server.eventDispatcher.run { receiver, outcome in
            switch outcome {
            case .delivered: break
            case .rejected(let jti, let code):
                logger.error(
                    "a receiver refused an event",
                    metadata: ["receiver": "\(receiver)", "jti": "\(jti)", "err": "\(code)"]
                )
            case .failed(let reason, let pause):
                logger.warning(
                    "events could not be delivered",
                    metadata: ["receiver": "\(receiver)", "reason": "\(reason)", "retry_in": "\(pause)"]
                )
            }
        }
    }

    /// Forgets what has expired, and moves old audit records to archives.
    static func housekeeping(_ server: AuthorizationServer, _ retention: AuditRetention, _ logger: Logger) async {
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: .seconds(30))
                try await server.prune()
                while let sequence = try await server.auditTrail.applyRetention(retention) {
                    logger.notice("archived audit records", metadata: ["up_to": "\(sequence)"])
                }
            } catch is CancellationError {
                return
            } catch {
                logger.error("housekeeping failed; it is tried again", metadata: ["error": "\(error)"])
            }
        }
    }
}
