/// The resource must be one that the client, and the delegation if there is one, was granted.
package struct TargetGranted: PolicyRule {
    package static let name = "target_granted"
    package init() {}

    package func objection(to authorization: Authorization, in context: PolicyContext) -> Refusal? {
        let target = authorization.target
        guard authorization.client.resources.contains(target.uri) else {
            return refuse(.invalidTarget, "the client is not granted the resource \(target.uri)")
        }
        guard target.enabled else {
            return refuse(.invalidTarget, "the resource \(target.uri) is disabled")
        }
        if let delegation = authorization.delegation, !delegation.resources.contains(target.uri) {
            return refuse(.invalidTarget, "the delegation does not cover the resource \(target.uri)")
        }
        return nil
    }
}
