import HTTPTypes
import Hummingbird
import OAuth

extension Routes {
    /// Has the canary watch look at the tokens of every call that is refused, for whatever reason: one from an address
    /// that is slowed down, or with a question that makes no sense, is refused before anybody reads its token.
    ///
    /// In one place for all endpoints, so that none can be forgotten. The proofs of clients, and the tokens in their
    /// forms, are looked at where they are read.
    func watched(_ handler: @escaping Handler) -> Handler {
        let watch = server.canaryWatch
        return { request, context in
            do {
                return try await handler(request, context)
            } catch {
                if Fault(error).status.kind == .clientError {
                    let audited = context.audited(as: "\(request.method.rawValue) \(context.endpointPath ?? "")")
                    for name in [HTTPField.Name.authorization, .gatewayAuthorization] {
                        for value in request.headers[values: name] {
                            watch.look(at: BearerCredentials(value).token, in: audited)
                        }
                    }
                }
                throw error
            }
        }
    }
}
