import Vault

/// Which of the vault's secrets is the credential with which somebody may call an API.
enum RegisteredCredential {
    case one(VaultSecret)
    /// There is none, or none that a rule lets the holder have.
    case none
    /// More than one would do: which one was meant cannot be guessed.
    case several

    /// What can be handed to an API as it is. The secrets of Legate's own clients open Legate alone.
    private static let kinds: Set<SecretKind> = [.static, .generated, .oauth]

    /// - Parameters:
    ///   - holder: its door is the API.
    ///   - usable: what else the secret must have.
    init(for holder: SecretHolder, on shelf: SecretShelf, where usable: (VaultSecret) -> Bool = { _ in true }) {
        let found = shelf.secrets(for: holder.door).filter { secret in
            Self.kinds.contains(secret.kind) && usable(secret) && secret.rule(admitting: holder) != nil
        }
        guard let first = found.first else {
            self = .none
            return
        }
        self = found.count == 1 ? .one(first) : .several
    }
}

extension Secret {
    /// The value as it can stand in a header or in an answer: 1 to 64 KiB of printable ASCII (RFC 6749 appendix A.12).
    /// The line end that a file or a terminal puts behind a value is not part of it.
    ///
    /// Nil when it is something else.
    func credential() -> String? {
        withBytes { bytes in
            var end = bytes.endIndex
            if end > bytes.startIndex, bytes[end - 1] == 0x0A { end -= 1 }
            if end > bytes.startIndex, end < bytes.endIndex, bytes[end - 1] == 0x0D { end -= 1 }
            let text = bytes[..<end]
            guard !text.isEmpty, text.allSatisfy({ (0x20...0x7E).contains($0) }), text.first != 0x20, text.last != 0x20
            else { return nil }
            return String(decoding: text, as: UTF8.self)
        }
    }
}

extension SecretRefusal {
    /// The same in the words of RFC 6749, for the endpoints that hand out credentials for an API.
    ///
    /// - Parameter missing: what is said when there is nothing for this caller.
    func asOAuthError(orElse missing: OAuthError) -> OAuthError {
        switch self {
        case .unavailable(let reason, let seconds):
            OAuthError(.temporarilyUnavailable, reason, rule: "credential", retryAfter: seconds)
        case .damaged:
            OAuthError(.serverError, "the credential cannot be read", detail: "its box is damaged", rule: "credential")
        case .notFound, .missing, .exists, .stale, .staleVersion, .conflict: missing
        }
    }
}

extension VaultSecret {
    /// Why a value cannot be put although it is no longer than others: gateways are to put it into a header, and could
    /// not. Nil when nothing speaks against it.
    func injectionRefusal(of value: Secret) -> String? {
        guard injection != nil, value.credential() == nil else { return nil }
        return "must be one line of printable ASCII without spaces around it: the injection puts it into a header"
    }
}
