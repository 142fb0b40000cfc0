import ArgumentParser
import Certificates
import JOSE

/// What can be said of a client's certificate.
struct CertificateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The subject of its certificate as RFC 4514 writes it; for --auth tls_client_auth.", valueName: "name"))
    var tlsSubjectDn: String?

    @Option(help: ArgumentHelp("Or a host name among its alternative names.", valueName: "host"))
    var tlsSanDns: String?

    @Option(help: ArgumentHelp("Or a URI there.", valueName: "uri"))
    var tlsSanUri: String?

    @Option(help: ArgumentHelp("Or an address there.", valueName: "address"))
    var tlsSanIp: String?

    @Option(help: ArgumentHelp("Or an e-mail address there.", valueName: "address"))
    var tlsSanEmail: String?

    @Option(
        help: ArgumentHelp(
            "PEM file of its certificate; for --auth self_signed_tls_client_auth, instead of --jwks.", valueName: "file"
        ))
    var certificate: String?

    @Flag(
        inversion: .prefixedNo,
        help: "Bind each of its tokens to its certificate: it has to show it with every request for one.")
    var certificateBound: Bool?

    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp(
            "A gateway that hands on the agents' certificates at /check, and takes off what they send in that header."))
    var forwardsCertificates: Bool?

    func set(in document: inout JSONObject) throws {
        let names = [
            ("tls_client_auth_subject_dn", tlsSubjectDn), ("tls_client_auth_san_dns", tlsSanDns),
            ("tls_client_auth_san_uri", tlsSanUri), ("tls_client_auth_san_ip", tlsSanIp),
            ("tls_client_auth_san_email", tlsSanEmail),
        ]
        // One name takes the place of another, whichever kind that was.
        if names.contains(where: { $0.1 != nil }) {
            for (member, name) in names { document[member] = name.map(JSON.string) ?? .null }
        }
        if let certificate { document["jwks"] = try Self.keySet(certificate) }
        document.set("certificate_bound", certificateBound)
        document.set("forwards_certificates", forwardsCertificates)
    }

    /// The key set that a certificate stands for. The private key that may be in the same file stays here.
    static func keySet(_ path: String) throws(CommandFailure) -> JSON {
        let text = String(decoding: try Files.read(path), as: UTF8.self)
        guard let chain = try? CertificatePEM.certificates(in: text), let first = chain.first else {
            throw CommandFailure("\(path) holds no certificate in PEM")
        }
        let certificate: ParsedCertificate
        do {
            certificate = try ParsedCertificate(der: first)
        } catch {
            throw CommandFailure("the first certificate in \(path) is not accepted: \(error)")
        }
        guard let key = certificate.publicKey else {
            throw CommandFailure(
                "the key of the certificate in \(path) must be P-256, Ed25519 or RSA of at least 2048 bits")
        }
        return .object(["keys": .array([.object(key)])])
    }
}
