import Hummingbird
import OAuth

/// Finds the client certificate of a request: in the header of a proxy that is trusted, else in its TLS connection.
struct PeerCertificates: Sendable {
    let proxies: TrustedProxies
    let judge: ClientCertificates

    /// Notes the certificate in the context, if there is one, and the origin that the client must have named then.
    ///
    /// - Throws: `HTTPRefusal` for a header that is not to be believed or not to be read.
    func identify(_ request: Request, in context: inout LegateContext) throws {
        if let chain = try proxies.certificate(in: request.headers, from: context.peer) {
            context.certificate = judge.certificate(of: chain)
            context.origin = proxies.origin ?? context.origin
        } else if let connection = context.connection {
            context.certificate = judge.certificate(of: connection)
        }
    }
}
