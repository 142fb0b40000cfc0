import ArgumentParser
import JOSE

/// Public keys: in a file, or at an address.
struct KeySetOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Public keys: a file with a key set or one key, or - for standard input.", valueName: "file"),
        completion: .file(extensions: ["json", "jwks"])
    )
    var jwks: String?

    @Option(help: ArgumentHelp("Where the public keys are published.", valueName: "url"))
    var jwksUri: String?

    func validate() throws {
        if let jwks, let jwksUri, !jwks.isEmpty, !jwksUri.isEmpty {
            throw ValidationError("--jwks and --jwks-uri cannot be given together")
        }
    }

    /// Puts the keys into a document. The one way takes the place of the other.
    func set(in document: inout JSONObject) throws {
        document.set(oneOf: [("jwks", try jwks.map(Self.keySet)), ("jwks_uri", Self.text(jwksUri))])
    }

    static func keySet(_ path: String) throws -> JSON { path.isEmpty ? .null : try Files.keySet(path) }

    static func text(_ text: String?) -> JSON? { text.map { $0.isEmpty ? .null : .string($0) } }
}
