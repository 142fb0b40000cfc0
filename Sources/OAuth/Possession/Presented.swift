/// What came with a request beside its `Authorization` header and can prove that the sender holds something.
package struct Presented: Sendable {
    /// The values of the `DPoP` header; an honest request has at most one.
    package var proofs: [String]
    /// The HTTP method that a proof has to name.
    package var method: String
    /// The URL that a proof has to name, from our own configuration: never from what the request says of itself.
    package var url: String
    /// The client certificate of the connection.
    package var certificate: ClientCertificate?

    package init(
        proofs: [String] = [], method: String = "POST", url: String = "", certificate: ClientCertificate? = nil
    ) {
        self.proofs = proofs
        self.method = method
        self.url = url
        self.certificate = certificate
    }

    /// Nothing at all.
    package static let nothing = Presented()
}
