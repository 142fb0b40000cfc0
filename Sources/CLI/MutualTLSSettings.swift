import OAuth
import Server

/// The options about client certificates: where they are asked for, whom to believe about them (RFC 8705).
struct MutualTLSSettings: Sendable {
    /// The second listener, which asks for certificates.
    private let listener: LegateServer.Listener?
    /// PEM file of the authorities that client certificates are verified against.
    let clientAuthorities: String?
    /// What the operator named as the public URL of that listener.
    private let namedURL: String?
    let proxies: TrustedProxies

    static let options: [LegateConfiguration.Option] = [
        .init(
            name: "mtls-listen", valueName: "HOST:PORT", fallback: nil,
            help:
                "A second listener that asks for client certificates, with the same server certificate. No other listener asks for them."
        ),
        .init(
            name: "mtls-client-ca", valueName: "FILE", fallback: nil,
            help:
                "PEM certificates of the authorities whose client certificates count. Without it only registered ones do."
        ),
        .init(
            name: "mtls-url", valueName: "URL", fallback: nil,
            help:
                "Where clients reach `mtls-listen`, or the proxy that asks for their certificates: scheme, host and port. The default is the issuer's host with the port of `mtls-listen`."
        ),
        .init(
            name: "trusted-proxy", valueName: "ADDRESSES", fallback: nil,
            help:
                "Addresses and CIDR networks, with commas between, of proxies that end TLS and hand on client certificates. From anybody else such a header is refused."
        ),
        .init(
            name: "client-certificate-header", valueName: "NAME", fallback: TrustedProxies.standardField,
            help:
                "The header in which a trusted proxy hands on the certificate: `Client-Cert` as RFC 9440 has it; under any other name PEM with percent escapes, as nginx writes `$ssl_client_escaped_cert`."
        ),
    ]

    /// - Parameter text: the value of an option.
    /// - Throws: `ConfigurationError` naming the option.
    init(hasCertificate: Bool, _ text: (String) -> String?) throws {
        listener = try text("mtls-listen").map { value in
            guard hasCertificate else {
                throw ConfigurationError("mtls-listen", "needs tls-certificate and tls-key")
            }
            let (host, port) = try LegateConfiguration.address(value, of: "mtls-listen")
            guard port > 0 else {
                throw ConfigurationError("mtls-listen", "needs a port of its own: the metadata names it")
            }
            return LegateServer.Listener(host: host, port: port)
        }
        clientAuthorities = text("mtls-client-ca")
        guard clientAuthorities == nil || listener != nil || text("trusted-proxy") != nil else {
            throw ConfigurationError(
                "mtls-client-ca", "needs mtls-listen or trusted-proxy: nobody else asks for certificates"
            )
        }
        if let named = text("mtls-url") {
            guard listener != nil || text("trusted-proxy") != nil else {
                throw ConfigurationError("mtls-url", "needs mtls-listen or trusted-proxy")
            }
            guard let url = URIReference(named), url.scheme == "https", !url.hasUserInfo, url.path.isEmpty,
                url.query == nil, url.fragment == nil
            else {
                throw ConfigurationError(
                    "mtls-url", "must be https with host and port alone, such as https://mtls.example.com"
                )
            }
            namedURL = named
        } else {
            namedURL = nil
        }
        proxies = try Self.proxies(
            text("trusted-proxy"), header: text("client-certificate-header"), origin: namedURL)
    }

    /// Where clients find the endpoints that take certificates: scheme, host and port. Nil when nobody asks for any.
    func baseURL(for issuer: IssuerURL) -> String? {
        if let namedURL { return namedURL }
        guard let listener, let url = URIReference(issuer.text) else { return nil }
        let host = url.host.contains(":") ? "[\(url.host)]" : url.host
        return "https://\(host):\(listener.port)"
    }

    /// The second listener, as clients of the issuer know it.
    func listener(for issuer: IssuerURL) -> LegateServer.Listener? {
        listener.map { LegateServer.Listener(host: $0.host, port: $0.port, origin: baseURL(for: issuer)) }
    }

    /// - Parameter origin: where clients reach them.
    private static func proxies(_ addresses: String?, header: String?, origin: String?) throws -> TrustedProxies {
        guard let addresses else {
            guard header == nil || header == TrustedProxies.standardField else {
                throw ConfigurationError(
                    "client-certificate-header", "needs trusted-proxy: nobody else may hand on certificates")
            }
            return .none
        }
        var ranges: [AddressRange] = []
        for part in addresses.split(separator: ",", omittingEmptySubsequences: false) {
            guard let range = AddressRange(String(part.drop { $0 == " " })) else {
                throw ConfigurationError(
                    "trusted-proxy",
                    "must be addresses and networks with commas between, such as 10.0.0.5,192.168.0.0/24"
                )
            }
            ranges.append(range)
        }
        guard
            let proxies = TrustedProxies(ranges, field: header ?? TrustedProxies.standardField, origin: origin)
        else {
            throw ConfigurationError("client-certificate-header", "must be the name of a header of its own")
        }
        return proxies
    }
}
