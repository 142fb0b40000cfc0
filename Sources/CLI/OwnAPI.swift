import OAuth

/// An API of Legate itself. A token is for one of them.
enum OwnAPI: String, Sendable {
    case admin, vault

    /// What a token for it is asked for, and where it is.
    func resource(of server: IssuerURL) -> String { "\(server)/\(rawValue)" }
}
