import HTTPTypes
import Hummingbird
import OAuth

extension Routes {
    /// Has the canary watch look at the tokens of every call that is refused because of its credentials.
    ///
    /// In one place for all endpoints, so that none can be forgotten. The proofs of clients are looked at where they are
    /// read: they may be in the body.
    func watched(_ handler: @escaping Handler) -> Handler {
        let watch = server.canaryWatch
        return { request, context in
            do {
                return try await handler(request, context)
            } catch {
                if Fault(error).status == .unauthorized {
                    let audited = context.audited(as: "\(request.method.rawValue) \(context.endpointPath ?? "")")
                    for name in [HTTPField.Name.authorization, .gatewayAuthorization] {
                        guard let token = BearerCredentials(request.headers[name]).token else { continue }
                        watch.look(at: token, in: audited)
                    }
                }
                throw error
            }
        }
    }
}
