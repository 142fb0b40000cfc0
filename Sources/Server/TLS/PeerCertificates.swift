import Hummingbird
import OAuth

/// Finds the client certificate of a request: in the header of a proxy that is trusted, else in its TLS connection.
struct PeerCertificates: Sendable {
    let proxies: TrustedProxies
    let judge: ClientCertificates

    /// The context with the certificate, if there is one, and with the origin that the client must have named then.
    ///
    /// - Throws: `HTTPRefusal` for a header that is not to be believed or not to be read.
    func identify(_ request: Request, in context: LegateContext) throws -> LegateContext {
        var context = context
        if let chain = try proxies.certificate(in: request.headers, from: context.peer) {
            context.certificate = judge.certificate(of: chain)
            context.origin = proxies.origin ?? context.origin
        } else if let connection = context.connection {
            context.certificate = judge.certificate(of: connection)
        }
        return context
    }
}
