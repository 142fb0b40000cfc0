import JOSE
import Logging
package import OAuth
package import Server
import Storage
import Synchronization
package import Vault

extension LegateKit {
    /// The server with the means to seal and unseal it; it is open.
    ///
    /// - Parameter opener: what opens the vault again; without one, a root key file.
    package func sealable(by opener: KitOpener? = nil, services: [BackgroundService] = []) -> SealableServer {
        SealableServer(
            OpenedServer(server, barrier: barrier, services: services),
            by: opener ?? KitOpener(self, passphrase: nil), metrics: Metrics(), process: ["hardened": true],
            logger: Self.silent
        )
    }

    /// The server as it starts with a passphrase: sealed.
    package func sealed(by opener: any ServerOpener) async throws -> SealableServer {
        try await SealableServer(by: opener, metrics: Metrics(), process: ["hardened": true], logger: Self.silent)
    }

    private static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

/// Opens the kit's installation, with a passphrase that costs nothing to try.
package final class KitOpener: ServerOpener {
    private let kit: LegateKit
    private let passphrase: Secret?
    private let state = Mutex<(last: LegateKit?, attempts: Int)>((nil, 0))

    package init(_ kit: LegateKit, passphrase: String?) {
        self.kit = kit
        self.passphrase = passphrase.map { Secret(Array($0.utf8)) }
    }

    /// The kit around the server that was opened last.
    package var last: LegateKit? { state.withLock { $0.last } }

    package func forgetLast() { state.withLock { $0.last = nil } }

    /// How often the keyring was to be opened.
    package var attempts: Int { state.withLock { $0.attempts } }

    package func face() async throws -> PublicFace {
        PublicFace(of: kit.server, keys: PublicHalves(try await kit.database.signingKeys()))
    }

    package func needsPassphrase() async throws -> Bool { passphrase != nil }

    package func open(passphrase: Secret?) async throws -> OpenedServer {
        state.withLock { $0.attempts += 1 }
        guard passphrase == self.passphrase else { throw UnsealFailure.wrongPassphrase }
        let opened = try await kit.unsealed()
        state.withLock { $0.last = opened }
        return OpenedServer(opened.server, barrier: opened.barrier)
    }
}
