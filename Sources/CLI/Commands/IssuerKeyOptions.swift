import ArgumentParser
import JOSE
import OAuth

/// The keys of a trusted issuer: registered, at an address, or in a file that lies on the server. Those of a SPIFFE
/// trust domain are a bundle, and their options are named so.
struct IssuerKeyOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Its public keys: a file with a key set or one key, or - for standard input.", valueName: "file"),
        completion: .file(extensions: ["json", "jwks"])
    )
    var jwks: String?

    @Option(help: ArgumentHelp("Where its public keys are published.", valueName: "url"))
    var jwksUri: String?

    @Option(help: ArgumentHelp("A key set in the server's directory of trusted keys, read again.", valueName: "name"))
    var jwksFile: String?

    @Option(
        help: ArgumentHelp("The bundle of a trust domain: a file, or - for standard input.", valueName: "file"),
        completion: .file(extensions: ["json"])
    )
    var bundle: String?

    @Option(help: ArgumentHelp("The bundle endpoint of a trust domain.", valueName: "url"))
    var bundleUrl: String?

    @Option(help: ArgumentHelp("A bundle in the server's directory of trusted keys, read again.", valueName: "name"))
    var bundleFile: String?

    @Option(
        help: ArgumentHelp(
            "Certificates in that directory that alone vouch for the host of the address.", valueName: "name"))
    var caFile: String?

    @Option(help: ArgumentHelp("A token in that directory that is shown to that host.", valueName: "name"))
    var tokenFile: String?

    func validate() throws {
        let given = [jwks, jwksUri, jwksFile, bundle, bundleUrl, bundleFile].filter { $0?.isEmpty == false }
        if given.count > 1 {
            throw ValidationError("give one of --jwks, --jwks-uri, --jwks-file, --bundle, --bundle-url, --bundle-file")
        }
    }

    /// Puts the keys into a document. One way takes the place of the others.
    func set(in document: inout JSONObject) throws {
        document.set("ca_file", caFile)
        document.set("token_file", tokenFile)
        document.set(oneOf: [
            ("jwks", try jwks.map(KeySetOptions.keySet) ?? bundle.map(Self.bundle)),
            ("jwks_uri", KeySetOptions.text(jwksUri ?? bundleUrl)),
            ("jwks_file", KeySetOptions.text(jwksFile ?? bundleFile)),
        ])
    }

    /// It is checked here, so that private key material never leaves the machine.
    private static func bundle(_ path: String) throws -> JSON {
        if path.isEmpty { return .null }
        let source = path == "-" ? "standard input" : path
        guard let json = try? JSON(parsing: try Files.read(path)) else { throw CommandFailure("\(source) is not JSON") }
        do {
            _ = try SPIFFEBundle(json: json)
        } catch {
            throw CommandFailure("\(source) is not a usable SPIFFE bundle: \(error)")
        }
        return json
    }
}
