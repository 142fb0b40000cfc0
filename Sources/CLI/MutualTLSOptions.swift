import ArgumentParser

/// The options of `serve` about client certificates.
struct MutualTLSOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A second listener, which asks for client certificates.", valueName: "host:port"))
    var mtlsListen: String?

    @Option(help: ArgumentHelp("PEM file of the authorities whose client certificates count.", valueName: "file"))
    var mtlsClientCa: String?

    @Option(
        help: ArgumentHelp(
            "Where clients reach that listener, such as https://mtls.example.com (default the issuer's host and its port).",
            valueName: "url"
        )
    )
    var mtlsUrl: String?

    @Option(
        help: ArgumentHelp(
            "Proxies that may hand on client certificates: addresses and networks with commas between.",
            valueName: "addresses"
        )
    )
    var trustedProxy: String?

    @Option(help: ArgumentHelp("The header they hand them on in (default Client-Cert, RFC 9440).", valueName: "name"))
    var clientCertificateHeader: String?

    var values: [String: String?] {
        [
            "mtls-listen": mtlsListen, "mtls-client-ca": mtlsClientCa, "mtls-url": mtlsUrl,
            "trusted-proxy": trustedProxy, "client-certificate-header": clientCertificateHeader,
        ]
    }
}
