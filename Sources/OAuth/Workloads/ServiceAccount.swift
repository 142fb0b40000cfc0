import JOSE

/// What a Kubernetes cluster says of a workload beyond its name: the claim `kubernetes.io` of a bound service-account
/// token.
///
/// Only such tokens are accepted. The older kind, a secret that never expires, has neither this claim nor an `exp`.
package struct ServiceAccount: Sendable, Equatable {
    package let namespace: String
    package let name: String
    /// The pod that the token is bound to; nil when it was made by hand.
    package let pod: String?

    private static let claim = "kubernetes.io"
    private static let subjectPrefix = "system:serviceaccount:"

    /// - Throws: `refusedClaim` when the claim is missing, or says something else than `sub`.
    init(of token: VerifiedJWT) throws(JWTError) {
        guard let claims = token.claims[Self.claim]?.object, let namespace = Self.name(claims["namespace"]),
            let name = Self.name(claims["serviceaccount"]?.object?["name"])
        else { throw .refusedClaim("kubernetes.io must name the namespace and the service account") }
        guard try token.string(Claim.subject) == "\(Self.subjectPrefix)\(namespace):\(name)" else {
            throw .refusedClaim("kubernetes.io must name the service account that sub names")
        }
        self.namespace = namespace
        self.name = name
        guard let pod = claims["pod"] else {
            self.pod = nil
            return
        }
        guard let podName = Self.name(pod.object?["name"]) else {
            throw .refusedClaim("kubernetes.io must name the pod")
        }
        self.pod = podName
    }

    /// The name of an object: at most 253 characters of a DNS name.
    private static func name(_ json: JSON?) -> String? {
        guard let text = json?.string, text.consists(of: .objectName, count: 1...253) else { return nil }
        return text
    }

    /// For the audit record.
    package var description: String {
        "namespace \(namespace), service account \(name)" + (pod.map { ", pod \($0)" } ?? ", no pod")
    }
}

extension CharacterSet {
    fileprivate static let objectName = CharacterSet("abcdefghijklmnopqrstuvwxyz0123456789.-")
}
