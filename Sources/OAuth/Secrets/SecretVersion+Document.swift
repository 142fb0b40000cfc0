package import JOSE

extension SecretVersion {
    /// What the API shows of a version of a secret. No value.
    ///
    /// `state` is that of the database, with `live` told apart: `current` is handed out when no version is named,
    /// `previous` is readable until a grace ends, `superseded` is any other one that was current once.
    package func document(of secret: VaultSecret, at time: Timestamp) -> JSONObject {
        [
            "version": .integer(Int64(number)), "state": .string(word(in: secret, at: time)),
            "readable": .bool(isReadable(at: time)), "readable_until": .time(readableUntil),
            "created_at": .time(createdAt),
        ]
    }

    /// Whether a read that names its number gets it.
    private func isReadable(at time: Timestamp) -> Bool {
        switch state {
        case .pending, .live: readableUntil.map { time < $0 } ?? true
        case .deleted, .destroyed: false
        }
    }

    private func word(in secret: VaultSecret, at time: Timestamp) -> String {
        guard state == .live else { return state.rawValue }
        if secret.current == number { return "current" }
        return readableUntil != nil && isReadable(at: time) ? "previous" : "superseded"
    }
}
