/// Method and target of the agent's call, as the gateway that asks describes them.
///
/// It is all in headers that an agent can write too. So it counts only when the gateway has proved itself, which it does
/// when its operator has set it up to overwrite them, and only when all of them say the same. Scheme and host are not
/// even here: they are those of the resource, from its registration.
package struct ForwardedTarget: Sendable {
    /// Every value that names the method.
    package let methods: [String]
    /// Every value that names the target: a path, or a whole URI, with or without its query.
    package let targets: [String]

    package init(methods: [String], targets: [String]) {
        self.methods = methods
        self.targets = targets
    }

    package static let nothing = ForwardedTarget(methods: [], targets: [])

    /// The one method. Nil when none is named.
    fileprivate func method() throws(OAuthError) -> String? {
        guard Set(methods).count <= 1 else { throw Self.disagreement("methods") }
        return methods.first
    }

    /// The one path, without the query. Nil when none is named.
    fileprivate func path() throws(OAuthError) -> String? {
        var found: String?
        for target in targets {
            guard let path = Self.path(of: target) else {
                throw OAuthError(
                    .invalidRequest, "the gateway names a target that is neither a path nor a URI", rule: Self.rule
                )
            }
            guard found == nil || found == path else { throw Self.disagreement("targets") }
            found = path
        }
        return found
    }

    private static func path(of target: String) -> String? {
        let rest = target.prefix { $0 != "?" && $0 != "#" }
        if rest.utf8.first == UInt8(ascii: "/") { return String(rest) }
        guard let uri = URIReference(String(rest)) else { return nil }
        return uri.path.isEmpty ? "/" : uri.path
    }

    private static let rule = "forwarded_target"

    private static func disagreement(_ what: String) -> OAuthError {
        OAuthError(
            .invalidRequest,
            "the gateway names two different \(what): it must overwrite what the agent sends in "
                + "X-Forwarded-Method, X-Original-Method, X-Forwarded-Uri and X-Original-URI", rule: rule
        )
    }
}

extension CheckRequest {
    /// What the agent proves itself with, and for which call.
    ///
    /// Behind a gateway that did not prove itself only a call of the resource's own URI can be proved, with the method of
    /// the question: anything else would be what an agent says of itself.
    ///
    /// - Parameter gateway: the one that has proved itself, if one has.
    func presented(at resource: Resource, askedBy gateway: Client?) throws(OAuthError) -> Presented {
        var presented = presented
        presented.url = resource.uri.text
        // A gateway that was not set up for it hands on what the agent itself writes into that header.
        if presented.certificate != nil, gateway?.forwardsCertificates != true {
            presented.certificate = nil
            presented.certificateDoubt =
                gateway.map { "the gateway \($0.id) is not registered with forwards_certificates" }
                ?? "the gateway sent no credentials of its own"
        }
        guard gateway != nil else {
            presented.isOfUnprovenGateway = true
            return presented
        }
        guard case .dpop = credentials else { return presented }
        if let method = try forwarded.method() { presented.method = method }
        if let path = try forwarded.path(), let uri = URIReference(resource.uri.text) {
            presented.url = "\(uri.scheme)://\(uri.authority)\(path)"
        }
        return presented
    }
}
