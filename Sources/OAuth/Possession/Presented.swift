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
    /// Why a certificate that a gateway handed on does not count and is not here, for the refusal.
    package var certificateDoubt: String?
    /// Whether `method` and `url` are those of the question and the resource, because the gateway that asks about the
    /// call has not proved itself.
    package var isOfUnprovenGateway = false

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
