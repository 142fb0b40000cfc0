import HTTPTypes
import Hummingbird
import OAuth

extension Request {
    /// What the sender of this request shows to prove possession.
    ///
    /// The URL that a DPoP proof must name is the path of the request behind our issuer's origin, or that of the
    /// listener or the proxy for client certificates: neither `Host` nor any forwarded header has a say in it.
    func presented(at issuer: IssuerURL, in context: LegateContext) -> Presented {
        Presented(
            proofs: headers[values: .dpop], method: method.rawValue,
            url: (context.origin ?? issuer.origin) + uri.path,
            certificate: context.certificate
        )
    }
}

extension LegateContext {
    /// Has the answer carry a nonce for the next DPoP proof (RFC 9449 section 8.2).
    func give(nonce: String?) {
        guard let nonce else { return }
        notes.note { $0.nonce = nonce }
    }
}

extension HTTPField.Name {
    static let dpop = HTTPField.Name.known("DPoP")
    static let dpopNonce = HTTPField.Name.known("DPoP-Nonce")
}
