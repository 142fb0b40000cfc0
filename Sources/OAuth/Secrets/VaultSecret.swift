package import Vault

/// A secret as it is defined: its name, who may have it, how it changes. Its values are versions, which are sealed and
/// in the database alone; of them only the numbers are here.
///
/// A value type in memory for every secret, so that no decision reads a disk.
package struct VaultSecret: Sendable, Equatable {
    package let name: SecretName
    package let kind: SecretKind
    /// One of Legate's own clients, when `kind` is `client`.
    package let client: ClientID?
    package var description: String?
    /// The third-party API that the secret is a credential for: what an exchange or a gateway asks for.
    package var resource: ResourceURI?
    /// Who may have it, and through which door. Empty means nobody.
    package var rules: [SecretRule]
    /// Seconds that a lease lasts when nothing ends it earlier.
    package var leaseTTL: Int
    package var rotation: SecretRotation?
    /// How a gateway hands the value to the upstream. Without it, no gateway gets the value.
    package var injection: SecretInjection?
    /// The version that is released when none is named. Nil until there is one, and when it was deleted.
    package var current: Int?
    /// The highest number that a version ever had.
    package var latest: Int
    package let createdAt: Timestamp
    /// Grows by one with every change.
    package var revision: Int

    package static let defaultLeaseTTL = 3600
    package static let leaseTTLs = 1...86_400
    /// Bytes of a value: 64 KiB.
    package static let longestValue = 65_536
    package static let mostRules = 64

    package init(
        name: SecretName, kind: SecretKind, client: ClientID? = nil, description: String? = nil,
        resource: ResourceURI? = nil, rules: [SecretRule] = [], leaseTTL: Int = VaultSecret.defaultLeaseTTL,
        rotation: SecretRotation? = nil, injection: SecretInjection? = nil, current: Int? = nil, latest: Int = 0,
        createdAt: Timestamp, revision: Int = 1
    ) {
        self.name = name
        self.kind = kind
        self.client = client
        self.description = description
        self.resource = resource
        self.rules = rules
        self.leaseTTL = leaseTTL
        self.rotation = rotation
        self.injection = injection
        self.current = current
        self.latest = latest
        self.createdAt = createdAt
        self.revision = revision
    }

    /// Where the box of a version belongs.
    package func place(of version: Int) -> Place { Self.place(of: name, version: version) }

    package static func place(of name: SecretName, version: Int) -> Place {
        Place(table: "secret_versions", row: name.text, version: version, purpose: "secret value")
    }
}

/// When and how a secret gets a new value by itself.
package struct SecretRotation: Sendable, Equatable {
    /// Seconds from one rotation to the next.
    package var every: Int
    /// Seconds for which the previous version can still be read.
    package var grace: Int
    /// Random bytes of a generated value.
    package var length: Int
    /// Who must agree before a new version becomes current.
    package var webhook: String?
    /// Whether the webhook may be on a private network.
    package var allowPrivateNetwork: Bool
    /// Whether a lease that is revoked makes the next rotation due at once.
    package var onRevokedLease: Bool

    package static let defaultEvery = 86_400
    package static let defaultGrace = 3600
    package static let defaultLength = 32

    package init(
        every: Int = SecretRotation.defaultEvery, grace: Int = SecretRotation.defaultGrace,
        length: Int = SecretRotation.defaultLength, webhook: String? = nil, allowPrivateNetwork: Bool = false,
        onRevokedLease: Bool = false
    ) {
        self.every = every
        self.grace = grace
        self.length = length
        self.webhook = webhook
        self.allowPrivateNetwork = allowPrivateNetwork
        self.onRevokedLease = onRevokedLease
    }
}

/// How a gateway hands a value to the upstream: a header and what stands in it.
package struct SecretInjection: Sendable, Equatable {
    /// The name of the header field.
    package var header: String
    /// The field's value, in which `{secret}` stands for the secret.
    package var format: String

    package static let placeholder = "{secret}"

    package init(header: String, format: String = SecretInjection.placeholder) {
        self.header = header
        self.format = format
    }
}
