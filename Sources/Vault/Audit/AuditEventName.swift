extension AuditEvent {
    /// What was asked, as `thing.verb`. An open set: another part of Legate may add its own.
    package struct Name: RawRepresentable, Sendable, Hashable {
        package let rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }
    }
}

extension AuditEvent.Name {
    package static let tokenIssued = Self(rawValue: "token.issued")
    package static let tokenExchanged = Self(rawValue: "token.exchanged")
    package static let tokenRefused = Self(rawValue: "token.refused")
    package static let tokenRevoked = Self(rawValue: "token.revoked")

    package static let checkAllowed = Self(rawValue: "check.allowed")
    package static let checkDenied = Self(rawValue: "check.denied")

    package static let clientCreated = Self(rawValue: "client.created")
    package static let clientUpdated = Self(rawValue: "client.updated")
    package static let clientDeleted = Self(rawValue: "client.deleted")
    package static let clientSecretRotated = Self(rawValue: "client.secret_rotated")

    package static let resourceCreated = Self(rawValue: "resource.created")
    package static let resourceUpdated = Self(rawValue: "resource.updated")
    package static let resourceDeleted = Self(rawValue: "resource.deleted")

    package static let issuerTrusted = Self(rawValue: "issuer.trusted")
    package static let issuerUpdated = Self(rawValue: "issuer.updated")
    package static let issuerDistrusted = Self(rawValue: "issuer.distrusted")

    package static let ruleCreated = Self(rawValue: "rule.created")
    package static let ruleDeleted = Self(rawValue: "rule.deleted")

    package static let delegationCreated = Self(rawValue: "delegation.created")
    package static let delegationUpdated = Self(rawValue: "delegation.updated")
    package static let delegationRevoked = Self(rawValue: "delegation.revoked")

    package static let revocationCreated = Self(rawValue: "revocation.created")

    package static let keyCreated = Self(rawValue: "key.created")
    package static let keyRotated = Self(rawValue: "key.rotated")

    package static let adminRefused = Self(rawValue: "admin.refused")
}
