package import OAuth
package import Vault

/// How a server is put together from what lies on disk. Only the composition root can do that.
package protocol ServerOpener: Sendable {
    /// What the server shows of itself while it is sealed.
    func face() async throws -> PublicFace

    /// Whether nothing but a passphrase opens the vault; otherwise the root key file does.
    func needsPassphrase() async throws -> Bool

    /// Opens the keyring and puts the server together.
    ///
    /// - Parameter passphrase: nil reads the root key file.
    /// - Throws: an `UnsealFailure`, or whatever else is wrong with the installation.
    func open(passphrase: Secret?) async throws -> OpenedServer
}

/// Why an attempt to open the vault came to nothing, although the installation is in order.
package enum UnsealFailure: Error, Equatable {
    case wrongPassphrase
    /// Another key is being derived at this moment.
    case busy
}

/// A server as it comes from its opener.
package struct OpenedServer: Sendable {
    package let server: AuthorizationServer
    /// What runs beside the requests for as long as it is unsealed.
    package let services: [BackgroundService]
    private let barrier: Barrier

    package init(_ server: AuthorizationServer, barrier: Barrier, services: [BackgroundService] = []) {
        self.server = server
        self.barrier = barrier
        self.services = services
    }

    /// Forgets the keys, whoever still holds the server.
    func forget() {
        server.keys.forget()
        barrier.replace(.forgotten)
    }
}

/// Something that goes on until its task is cancelled.
package struct BackgroundService: Sendable {
    package let name: String
    let run: @Sendable () async -> Void

    package init(_ name: String, _ run: @escaping @Sendable () async -> Void) {
        self.name = name
        self.run = run
    }
}
