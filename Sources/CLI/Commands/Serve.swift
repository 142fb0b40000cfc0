import ArgumentParser
import Foundation
import JOSE
import Logging
import NIOCore
import OAuth
import Server
import ServiceLifecycle
import Storage
import UnixSignals
import Vault

/// `legate serve`
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the server. On a directory without a database it does what init does first.",
        discussion: """
            Example:
              legate serve --data ./data --listen 127.0.0.1:8080

            Prints one line on standard output when it is ready; the log goes to standard error. SIGTERM: stop accepting,
            finish what is in flight, commit, exit 0.

            A vault with a passphrase starts sealed unless the passphrase comes by --passphrase-file, --passphrase-fd or
            the systemd credential legate-passphrase; legate vault unseal opens it.
            """
    )

    @OptionGroup var local: LocalOptions

    @Option(help: "Where to listen, HOST:PORT.")
    var listen: String?

    @Option(help: "PEM certificate chain; with --tls-key the listener is TLS only.")
    var tlsCertificate: String?

    @Option(help: "PEM private key of the certificate.")
    var tlsKey: String?

    @OptionGroup var mutualTLS: MutualTLSOptions
    @OptionGroup var load: LoadOptions

    @Option(help: "Move audit records older than this to archives, such as 90d, or never.")
    var auditRetentionAge: String?

    @Option(help: "How many audit records the database keeps, or unlimited.")
    var auditRetentionRecords: String?

    @Option(help: "For how long a signing key signs, such as 24h, or never to change keys by hand.")
    var keyRotation: String?

    @Option(help: "The directory whose files may be named as keys of trusted issuers.")
    var trustFiles: String?

    @Option(help: "For how long a gateway may keep a status list, such as 10s.")
    var statusListTtl: String?

    @Option(help: "Whether DPoP proofs for Legate's own endpoints need a nonce: required or optional.")
    var dpopNonce: String?

    @Option(help: ArgumentHelp("A file descriptor to read the passphrase from.", valueName: "n"))
    var passphraseFd: Int32?

    @Flag(help: "Let debuggers in and core files be written. For developers: both hold every key.")
    var allowCoreDumps = false

    func run() async throws {
        let hardening = ProcessHardening.apply(allowsCoreDumps: allowCoreDumps)
        let settings: [String: String?] = [
            "listen": listen, "trust-files": trustFiles, "tls-certificate": tlsCertificate, "tls-key": tlsKey,
            "audit-retention-age": auditRetentionAge, "audit-retention-records": auditRetentionRecords,
            "status-list-ttl": statusListTtl, "key-rotation": keyRotation, "dpop-nonce": dpopNonce,
        ]
        let configuration = try await local.read(
            [settings, mutualTLS.values, load.values].reduce(into: [:]) { $0.merge($1) { first, _ in first } }
        )
        let (tls, authorities) = try Self.tls(configuration)
        let sink = LogSink()
        LoggingSystem.bootstrap { JSONLogHandler(label: $0, sink: sink) }
        let logger = Logger(label: "legate")

        note(hardening, logger)

        let passphrase = try readPassphrase(configuration, logger)
        let store = try await SQLiteStore.open(path: Assembly.databasePath(configuration))
        if let made = try await Installation.make(configuration, passphrase: passphrase, store: store) {
            logger.notice(
                "created the data directory",
                metadata: ["issuer": "\(made.issuer)", "credentials": "\(made.credentialsFile)"]
            )
        }
        let metrics = Metrics()
        let assembly = try await Assembly(configuration, store: store, metrics: metrics, logger: logger)
        let server = try await SealableServer(
            by: assembly, metrics: metrics, process: hardening.document, logger: logger
        )
        do {
            try await server.openAtStart(passphrase: passphrase)
        } catch UnsealFailure.wrongPassphrase {
            // A refusal for callers has no words of its own; the vault's says what to do.
            throw VaultError.wrongPassphrase
        }
        let limits = OpenFileLimit.fit(configuration.load.limits, into: OpenFileLimit.raise())
        if limits != configuration.load.limits {
            logger.warning(
                "the system allows fewer open files than there may be connections",
                metadata: ["connections": "\(limits.connections)"]
            )
        }
        let http = LegateServer(
            server: server,
            configuration: .init(
                host: configuration.host, port: configuration.port, tls: tls,
                mutual: configuration.mutualTLS.listener(for: server.issuer),
                proxies: configuration.mutualTLS.proxies, authorities: authorities, limits: limits
            ),
            sink: sink
        )
        let issuer = server.issuer
        let isSealed = server.isSealed
        let applications = http.applications(logger: logger) { address in
            let port = address?.port ?? configuration.port
            let line = "legate: serving \(issuer) on \(configuration.host):\(port)\n"
            FileHandle.standardOutput.write(Data(line.utf8))
            if isSealed { logger.warning("the vault is sealed: legate vault unseal opens it") }
        }
        let watch = TLSWatch(
            tls, authorities: authorities, metrics: metrics, logger: logger, now: Assembly.now
        )
        // A listener that cannot be opened ends the others as a signal does: cut short, they would log a fault too.
        let listeners = applications.map { application in
            ServiceGroupConfiguration.ServiceConfiguration(
                service: application, failureTerminationBehavior: .gracefullyShutdownGroup)
        }
        // The last stops first: followers go, then requests end, then the log.
        var services = [ServiceGroupConfiguration.ServiceConfiguration(service: sink)]
        services += listeners
        services.append(.init(service: watch))
        services.append(.init(service: server))
        let group = ServiceGroup(
            configuration: .init(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
            )
        )
        try await group.run()
        try await store.close()
    }

    private func readPassphrase(_ configuration: LegateConfiguration, _ logger: Logger) throws -> Secret? {
        guard
            let source = PassphraseSource.find(
                file: configuration.passphraseFile, descriptor: passphraseFd,
                environment: ProcessInfo.processInfo.environment
            )
        else { return nil }
        if source.isReadableByOthers {
            logger.warning("others can read the passphrase file: take all permissions from group and others")
        }
        return try source.read()
    }

    private func note(_ hardening: ProcessHardening.Facts, _ logger: Logger) {
        let metadata: Logger.Metadata = ["process": "\(JSON.object(hardening.document).text)"]
        if hardening.isHardened {
            logger.notice("the process is hardened", metadata: metadata)
        } else {
            logger.warning("the process is not hardened: its memory can be read from outside", metadata: metadata)
        }
    }

    private static func tls(_ configuration: LegateConfiguration) throws -> (ServerTLS?, ClientAuthorities) {
        do throws(TLSFault) {
            let authorities = try ClientAuthorities(
                path: configuration.mutualTLS.clientAuthorities, now: Assembly.now)
            guard let certificate = configuration.tlsCertificate, let key = configuration.tlsKey else {
                return (nil, authorities)
            }
            return (try ServerTLS(certificate: certificate, key: key), authorities)
        } catch {
            throw ConfigurationError(error.option, error.reason)
        }
    }
}
