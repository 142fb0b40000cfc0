import ArgumentParser
import Foundation
import Logging
import NIOCore
import NIOSSL
import OAuth
import Server
import ServiceLifecycle
import Storage
import UnixSignals

/// `legate serve`
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the server. On a directory without a database it does what init does first.",
        discussion: """
            Example:
              legate serve --data ./data --listen 127.0.0.1:8080

            Prints one line on standard output when it is ready; the log goes to standard error. SIGTERM: stop accepting,
            finish what is in flight, commit, exit 0.
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

    func run() async throws {
        let configuration = try await local.read([
            "listen": listen, "tls-certificate": tlsCertificate, "tls-key": tlsKey,
            "audit-retention-age": auditRetentionAge, "audit-retention-records": auditRetentionRecords,
            "status-list-ttl": statusListTtl,
        ])
        let tls = try tls(configuration)
        let sink = LogSink()
        LoggingSystem.bootstrap { JSONLogHandler(label: $0, sink: sink) }
        let logger = Logger(label: "legate")

        let store = try await SQLiteStore.open(path: Assembly.databasePath(configuration))
        if let made = try await Assembly.make(configuration, store: store) {
            logger.notice(
                "created the data directory",
                metadata: ["issuer": "\(made.issuer)", "credentials": "\(made.credentialsFile)"]
            )
        }
        let assembly = try await Assembly(configuration, store: store)
        let server = LegateServer(
            server: assembly.server, configuration: .init(host: configuration.host, port: configuration.port, tls: tls),
            metrics: assembly.metrics, sink: sink
        )
        let issuer = assembly.server.issuer
        let application = try server.application(logger: logger) { address in
            let port = address?.port ?? configuration.port
            let line = "legate: serving \(issuer) on \(configuration.host):\(port)\n"
            FileHandle.standardOutput.write(Data(line.utf8))
        }
        let housekeeping = Housekeeping(
            server: assembly.server, retention: configuration.auditRetention, logger: logger
        )
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    sink, housekeeping, application, Heartbeat(feed: assembly.server.revocationFeed),
                    EventDelivery(dispatcher: assembly.server.eventDispatcher, logger: logger),
                    LeaseEnding(sweep: assembly.server.leaseSweep),
                ], gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
        )
        try await group.run()
        try await store.close()
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

/// Tells the followers of the revocation feed that all is well; lets them go first when the server stops.
private struct Heartbeat: Service {
    let feed: RevocationFeed

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await Task.sleep(for: RevocationFeed.heartbeat)
                    try feed.beat(at: Assembly.now())
                } catch {
                    // Without a key there is no heartbeat, and followers fail closed.
                    continue
                }
            }
        }
        feed.end()
    }
}

/// Brings security events to their receivers.
private struct EventDelivery: Service {
    let dispatcher: EventDispatcher
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await dispatcher.run { receiver, outcome in
                switch outcome {
                case .delivered: break
                case .rejected(let jti, let code):
                    logger.error(
                        "a receiver refused an event",
                        metadata: ["receiver": "\(receiver)", "jti": "\(jti)", "err": "\(code)"]
                    )
                case .failed(let reason, let pause):
                    logger.warning(
                        "events could not be delivered",
                        metadata: ["receiver": "\(receiver)", "reason": "\(reason)", "retry_in": "\(pause)"]
                    )
                }
            }
        }
    }
}

/// Ends the leases that a revocation has ended, for good.
private struct LeaseEnding: Service {
    let sweep: LeaseSweep

    func run() async throws {
        await cancelWhenGracefulShutdown { await sweep.run() }
    }
}

/// What the server does when nobody asks: forget what has expired, move old audit records to archives.
private struct Housekeeping: Service {
    let server: AuthorizationServer
    let retention: AuditRetention
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await Task.sleep(for: .seconds(30))
                    try await server.prune()
                    while let sequence = try await server.auditTrail.applyRetention(retention) {
                        logger.notice("archived audit records", metadata: ["up_to": "\(sequence)"])
                    }
                } catch is CancellationError {
                    return
                } catch {
                    logger.error("housekeeping failed; it is tried again", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}
