import ArgumentParser
import Foundation
import JOSE
import Logging
import NIOCore
import NIOSSL
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

    @Option(help: "Move audit records older than this to archives, such as 90d, or never.")
    var auditRetentionAge: String?

    @Option(help: "How many audit records the database keeps, or unlimited.")
    var auditRetentionRecords: String?

    @Option(help: "For how long a gateway may keep a status list, such as 10s.")
    var statusListTtl: String?

    @Option(help: ArgumentHelp("A file descriptor to read the passphrase from.", valueName: "n"))
    var passphraseFd: Int32?

    @Flag(help: "Let debuggers in and core files be written. For developers: both hold every key.")
    var allowCoreDumps = false

    func run() async throws {
        let hardening = ProcessHardening.apply(allowsCoreDumps: allowCoreDumps)
        let configuration = try await local.read([
            "listen": listen, "tls-certificate": tlsCertificate, "tls-key": tlsKey,
            "audit-retention-age": auditRetentionAge, "audit-retention-records": auditRetentionRecords,
            "status-list-ttl": statusListTtl,
        ])
        let tls = try tls(configuration)
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
        try await server.openAtStart(passphrase: passphrase)
        let http = LegateServer(
            server: server, configuration: .init(host: configuration.host, port: configuration.port, tls: tls),
            sink: sink
        )
        let issuer = server.issuer
        let isSealed = server.isSealed
        let application = try http.application(logger: logger) { address in
            let port = address?.port ?? configuration.port
            let line = "legate: serving \(issuer) on \(configuration.host):\(port)\n"
            FileHandle.standardOutput.write(Data(line.utf8))
            if isSealed { logger.warning("the vault is sealed: legate vault unseal opens it") }
        }
        // The last stops first: followers go, then requests end, then the log.
        let group = ServiceGroup(
            configuration: .init(
                services: [sink, application, server], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
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

    private func tls(_ configuration: LegateConfiguration) throws -> TLSConfiguration? {
        guard let certificate = configuration.tlsCertificate, let key = configuration.tlsKey else { return nil }
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMFile(certificate)
        } catch {
            throw ConfigurationError("tls-certificate", "is not a readable PEM certificate chain: \(certificate)")
        }
        let privateKey: NIOSSLPrivateKey
        do {
            privateKey = try NIOSSLPrivateKey(file: key, format: .pem)
        } catch {
            throw ConfigurationError("tls-key", "is not a readable PEM private key: \(key)")
        }
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey)
        )
        tls.minimumTLSVersion = .tlsv12
        tls.applicationProtocols = ["http/1.1"]
        do {
            _ = try NIOSSLContext(configuration: tls)
        } catch {
            throw ConfigurationError("tls-key", "is not the key of the certificate: \(key)")
        }
        return tls
    }
}
