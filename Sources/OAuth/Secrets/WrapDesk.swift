import JOSE
import Vault

/// Wraps values into references that open once, and opens them.
///
/// A reference alone opens nothing: whoever opens it needs a live token for the vault as well, so that a thief has to
/// be somebody here and is named. The second to open it is told so, and so is everybody who watches: one of the two was
/// not meant to have it.
package struct WrapDesk: Sendable {
    let secrets: SecretDesk
    private let digests: DigestKey
    let bell: AlarmBell

    /// What every reference starts with, so that scanners of source code and logs find one that was leaked.
    package static let prefix = "legate_wrap_"

    init(secrets: SecretDesk, digests: DigestKey, bell: @escaping AlarmBell) {
        self.secrets = secrets
        self.digests = digests
        self.bell = bell
    }

    /// Releases a value into an envelope. The release, its record and its lease are those of any reading; only that
    /// nobody has seen the value yet.
    ///
    /// - Parameter seconds: how long the reference may be opened, within `Wrap.lifetimes`; never longer than the lease.
    /// - Throws: what `SecretDesk.read` throws.
    package func wrap(
        _ name: SecretName, version: Int? = nil, for seconds: Int, by token: AccessToken, in context: RequestContext
    ) async throws -> WrappedSecret {
        guard Wrap.lifetimes.contains(seconds) else {
            throw InvalidDocument(
                "wrap_ttl", "must be whole seconds from \(Wrap.lifetimes.lowerBound) to \(Wrap.lifetimes.upperBound)"
            )
        }
        try Self.requireReading(token)
        let holder = secrets.holder(of: token)
        let time = secrets.now()
        let reference = Self.prefix + Unguessable.text(bytes: 32)
        let wrap = Wrap(
            digest: digest(of: reference), lease: .make(at: time), secret: name, wrappedBy: token.clientID,
            wrappedFor: holder.user, createdAt: time, expiresAt: time.adding(seconds: seconds)
        )
        var event = AuditEvent(timestamp: time.milliseconds, name: .secretWrapped, decision: .allow)
        event.describe(context)
        event.describe(holder)
        event.target = "secret/\(name)"
        event.after = Self.text([
            "lease_id": .string(wrap.lease.text), "expires_at": .time(wrap.expiresAt),
        ])
        let released = try await secrets.release(
            name, version: version, to: holder, with: Entry(changes: [.keepWrap(wrap)], audit: [event]),
            as: wrap.lease, in: context
        )
        FaultPoint.wrapKept.pass()
        return WrappedSecret(
            secret: released.secret, reference: reference, lease: released.lease,
            expiresAt: min(wrap.expiresAt, released.lease.expiresAt)
        )
    }

    static func requireReading(_ token: AccessToken) throws(OAuthError) {
        guard token.scopes.contains(SecretDesk.readScope) else {
            throw OAuthError(
                .insufficientScope, "the token lacks the scope \(SecretDesk.readScope)", detail: SecretDesk.readScope,
                rule: "token_scope"
            )
        }
    }

    /// No client id has a slash, so that it is the digest of no client's secret.
    func digest(of reference: String) -> [UInt8] {
        digests.digest(of: reference, context: "wrap/reference")
    }
}
