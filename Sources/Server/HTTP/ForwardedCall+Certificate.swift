import Certificates
import HTTPTypes
import OAuth

extension ForwardedCall {
    /// The certificate with which the agent called the gateway, as the gateway says. It counts only when the gateway has
    /// proved itself, and it proves nothing but what a token is bound to.
    ///
    /// - Throws: `invalid_request` when it is there twice, or is not a certificate.
    static func certificate(in headers: HTTPFields) throws -> ClientCertificate? {
        let values = headers[values: .gatewayClientCertificate]
        guard let value = values.first, !value.isEmpty || values.count > 1 else { return nil }
        guard values.count == 1 else {
            throw OAuthError(.invalidRequest, "more than one \(HTTPField.Name.gatewayClientCertificate) header")
        }
        guard let der = CertificateField.certificate(inAnyForm: value), let chain = try? CertificateChain(leaf: der)
        else {
            throw OAuthError(
                .invalidRequest,
                "\(HTTPField.Name.gatewayClientCertificate) must be one certificate: PEM with percent escapes, base64 of "
                    + "its DER, or that between colons (RFC 9440)"
            )
        }
        return ClientCertificate(chain, verifiedUntil: nil)
    }
}

extension HTTPField.Name {
    /// The certificate of the agent's connection to the gateway.
    static let gatewayClientCertificate = HTTPField.Name.known("Legate-Client-Certificate")
}
