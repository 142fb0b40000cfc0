import ArgumentParser
import Foundation
import LegateGateway
import Logging
import OAuth
import ServiceLifecycle
import UnixSignals

/// `legate gateway`
struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Gateways that verify tokens themselves: keep them informed.",
        discussion: """
            Example:
              legate gateway follow --haproxy-directory /etc/haproxy/legate \\
                  --haproxy-socket /run/haproxy/admin.sock
            """,
        subcommands: [GatewayFollow.self]
    )
}

/// `legate gateway follow`
struct GatewayFollow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "follow",
        abstract: "Follow the revocation feed, and keep HAProxy's keys and its map of denied ids current.",
        discussion: """
            Example:
              legate gateway follow --haproxy-directory /etc/haproxy/legate \\
                  --haproxy-socket /run/haproxy/admin.sock \\
                  --haproxy-master-socket /run/haproxy/master.sock

            Runs until SIGTERM or SIGINT as the client of the profile, which has the scope revocations:read. Its log goes \
            to standard error. HAProxy refuses everything when it has not been told for --fail-closed-after that all is \
            well, also when this command has died.
            """
    )

    @Option(help: ArgumentHelp("The server, instead of the one in the profile (LEGATE_SERVER).", valueName: "url"))
    var server: String?

    @Option(
        help: ArgumentHelp("PEM certificates of a private CA to trust as well (LEGATE_CA_FILE).", valueName: "file"),
        completion: .file()
    )
    var ca: String?

    @Option(
        help: ArgumentHelp(
            "Where HAProxy's configuration finds key-0.pem to key-3.pem, keys.map and denied.map.", valueName: "dir"),
        completion: .directory
    )
    var haproxyDirectory: String

    @Option(help: ArgumentHelp("HAProxy's runtime API, with level admin.", valueName: "file"), completion: .file())
    var haproxySocket: String

    @Option(
        help: ArgumentHelp(
            "The API of HAProxy's master process (-S), to reload it when the keys change.", valueName: "file"),
        completion: .file()
    )
    var haproxyMasterSocket: String?

    @Option(help: "For how long HAProxy accepts tokens when nothing is heard from the feed, from 4s to 15m.")
    var failClosedAfter = DurationArgument(seconds: 10)

    func validate() throws {
        guard (4...900).contains(failClosedAfter.seconds) else {
            throw ValidationError("--fail-closed-after must be 4s to 15m")
        }
        for path in [haproxyDirectory, haproxySocket] where path.isEmpty || path.contains(where: \.isWhitespace) {
            throw ValidationError("the paths of HAProxy must not be empty and have no spaces: its commands are words")
        }
    }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let profile = try Profile.find(server: server, environment: environment)
        guard let credentials = profile.credentials else {
            throw CommandFailure("no credentials: set LEGATE_PROFILE, or LEGATE_CLIENT_ID and LEGATE_CLIENT_SECRET")
        }
        var configuration = GatewayConfiguration(
            issuer: profile.server.text, resources: [],
            credentials: GatewayCredentials(clientID: credentials.clientID, secret: credentials.secret),
            failClosedAfter: .seconds(failClosedAfter.seconds)
        )
        configuration.certificateAuthority = ca ?? environment["LEGATE_CA_FILE"].flatMap { $0.isEmpty ? nil : $0 }

        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        let logger = Logger(label: "legate")
        for file in profile.exposedFiles {
            logger.warning("others can read \(file): take all permissions from group and others")
        }
        let follower: HAProxyFollower
        do {
            follower = try HAProxyFollower(
                directory: haproxyDirectory, socket: haproxySocket, master: haproxyMasterSocket, logger: logger)
        } catch {
            throw CommandFailure("cannot write into \(haproxyDirectory)")
        }
        let gateway: Gateway
        do {
            gateway = try Gateway(following: configuration, observer: follower, logger: logger)
        } catch {
            throw CommandFailure("\(error)")
        }
        let group = ServiceGroup(
            services: [follower, gateway], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        try await group.run()
    }
}
