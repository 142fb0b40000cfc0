import ArgumentParser
import JOSE

/// What can be said of a secret, when it is made and later.
struct SecretSettings: ParsableArguments {
    @Option(help: ArgumentHelp("What it is for.", valueName: "text"))
    var description: String?

    @Option(help: ArgumentHelp("The third-party API that it is a credential for.", valueName: "uri"))
    var resource: String?

    @Option(help: ArgumentHelp("How long a lease lasts, at most 24h (default 1h).", valueName: "duration"))
    var lease: DurationArgument?

    @Option(help: ArgumentHelp("How often it gets a new value by itself (default 24h).", valueName: "duration"))
    var rotateEvery: DurationArgument?

    @Option(
        help: ArgumentHelp(
            "How long the value before can still be read after a rotation (default 1h).", valueName: "duration"))
    var grace: DurationArgument?

    @Option(help: ArgumentHelp("Who must agree before a new value becomes current.", valueName: "url"))
    var rotationWebhook: String?

    @Flag(inversion: .prefixedNo, help: "Speak to the webhook even at a private address.")
    var allowPrivateNetwork: Bool?

    @Option(help: ArgumentHelp("How many random bytes a generated value has (default 32).", valueName: "bytes"))
    var length: Int?

    @Flag(inversion: .prefixedNo, help: "Give it a new value when a lease of it is revoked.")
    var rotateOnRevokedLease: Bool?

    @Option(help: ArgumentHelp("The header in which a gateway hands it to the upstream.", valueName: "name"))
    var injectHeader: String?

    @Option(
        help: ArgumentHelp("What stands in that header, such as 'Bearer {secret}'.", valueName: "text"))
    var injectFormat: String?

    func validate() throws {
        if injectFormat != nil, injectHeader == nil {
            throw ValidationError("--inject-format needs --inject-header")
        }
    }

    func set(in document: inout JSONObject) {
        document.set("description", description)
        document.set("resource", resource)
        document.set("lease_ttl", lease)
        var rotation = JSONObject()
        rotation.set("every", rotateEvery)
        rotation.set("grace", grace)
        if let length { rotation["length"] = .integer(Int64(length)) }
        rotation.set("webhook", rotationWebhook)
        rotation.set("allow_private_network", allowPrivateNetwork)
        rotation.set("on_revoked_lease", rotateOnRevokedLease)
        if !rotation.isEmpty { document["rotation"] = .object(rotation) }
        guard let injectHeader else { return }
        if injectHeader.isEmpty {
            document["injection"] = .null
        } else {
            var injection: JSONObject = ["header": .string(injectHeader)]
            injection.set("format", injectFormat)
            document["injection"] = .object(injection)
        }
    }
}
