import Hummingbird
import OAuth

/// Finds the client certificate of a request: in the header of a proxy that is trusted, else in its TLS connection.
struct PeerCertificates: Sendable {
    let proxies: TrustedProxies
    let judge: ClientCertificates

    /// Nil when there is none.
    ///
    /// - Throws: `HTTPRefusal` for a header that is not to be believed or not to be read.
    func certificate(for request: Request, _ context: LegateContext) async throws -> ClientCertificate? {
        if let chain = try proxies.certificate(in: request.headers, from: context.peer) {
            return await judge.certificate(of: chain)
        }
        guard let connection = context.connection else { return nil }
        return await judge.certificate(of: connection)
    }
}
