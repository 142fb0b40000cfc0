import Logging
import OAuth

extension BackgroundWork {
    /// Keeps the bundles of SPIFFE trust domains fresh.
    static func bundles(_ server: AuthorizationServer, _ logger: Logger) async {
        await server.spiffeBundles.run { trustDomain, outcome in
            switch outcome {
            case .kept: break
            case .failed(let reason):
                logger.warning(
                    "the bundle of a trust domain could not be refreshed",
                    metadata: ["trust_domain": "\(trustDomain)", "reason": "\(reason)"]
                )
            }
        }
    }
}
