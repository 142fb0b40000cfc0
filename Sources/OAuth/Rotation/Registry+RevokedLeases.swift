import JOSE
import Vault

extension Registry {
    /// What a lease that was ended early brings with it, in the same transaction: a rotation that is due at once, when
    /// the policy says so and the value is still the current one.
    func rotations(after leases: [Lease], at time: Timestamp) -> Entry {
        var entry = Entry()
        var seen: Set<SecretName> = []
        for lease in leases where !seen.contains(lease.secret) {
            guard let secret = secrets.secret(lease.secret), secret.rotation?.onRevokedLease == true,
                secret.current == lease.version, rotations.plan(secret.name) != nil
            else { continue }
            seen.insert(secret.name)
            entry.changes.append(.hastenRotation(secret.name, at: time))
            var event = RotationAudit.event(
                .rotationRequested, of: secret, version: lease.version, reason: "a lease was revoked", at: time)
            event.requestContext = "lease/\(lease.id)"
            entry.audit.append(event)
        }
        return entry
    }
}
