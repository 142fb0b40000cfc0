/// Why the keys of the vault are not changed although everything is in order.
package enum KeyringRefusal: Error, Sendable, Equatable {
    /// Another change of the keys is under way.
    case busy
    /// It is the root key that opens the vault already.
    case sameRootKey
    /// At the place of the root key file there is something that this server did not put there.
    case fileInTheWay
    /// The database knows another root key than this server: an exchange was cut short.
    case restartNeeded
    /// This server was put together without the means: it is sealed.
    case sealed

    /// One sentence for the operator.
    package var detail: String {
        switch self {
        case .busy: "the keys of the vault are being changed at this moment; try again"
        case .sameRootKey: "this root key opens the vault already; name another one"
        case .fileInTheWay:
            "there is another file where the root key belongs, or where the next one is prepared; move it away"
        case .restartNeeded: "the root key was exchanged and not all of it was seen: restart the server"
        case .sealed: "the vault is sealed; unseal it first"
        }
    }
}
