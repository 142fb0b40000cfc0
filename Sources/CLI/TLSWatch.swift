import Logging
import NIOPosix
import OAuth
import Server
import ServiceLifecycle
import UnixSignals

/// Takes up new certificate files while the server runs: within seconds of the change, and at once on SIGHUP. Says in
/// time when the certificate is about to end.
struct TLSWatch: Service {
    private let tls: ServerTLS?
    private let authorities: ClientAuthorities
    private let metrics: Metrics
    private let logger: Logger
    private let now: Now

    private static let pace = Duration.seconds(2)
    /// Seconds before its end from which on the certificate is worth a warning, once a day.
    private static let warningTime: Int64 = 30 * 86_400
    private static let day: Int64 = 86_400

    /// - Parameter tls: nil when there is no TLS; then there is nothing to watch.
    init(
        _ tls: ServerTLS?, authorities: ClientAuthorities, metrics: Metrics, logger: Logger, now: @escaping Now
    ) {
        self.tls = tls
        self.authorities = authorities
        self.metrics = metrics
        self.logger = logger
        self.now = now
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await look() }
                group.addTask { await listen() }
                await group.waitForAll()
            }
        }
    }

    private func look() async {
        var warnedOn: Int64?
        if let tls { metrics.tls.serves(until: tls.notAfter) }
        while !Task.isCancelled {
            await reload()
            let today = now().seconds / Self.day
            if let tls, warnedOn != today, tls.notAfter - now().seconds < Self.warningTime {
                warnedOn = today
                warn(until: tls.notAfter)
            }
            try? await Task.sleep(for: Self.pace)
        }
    }

    /// Without certificates the signal is taken and does nothing: its default would end the server.
    private func listen() async {
        for await _ in await UnixSignalsSequence(trapping: .sighup) {
            if await !reload() { logger.notice("SIGHUP: the certificate files have not changed") }
        }
    }

    /// Whether anything was new in the files.
    @discardableResult private func reload() async -> Bool {
        let outcomes = try? await NIOThreadPool.singleton.runIfActive { [tls, authorities] in
            (tls?.reload() ?? .unchanged, authorities.reload())
        }
        guard let (server, clients) = outcomes else { return false }
        if case .changed = server, let tls {
            let end = RFC3339.text(Timestamp(seconds: tls.notAfter))
            metrics.tls.serves(until: tls.notAfter)
            logger.notice("new certificate files are served", metadata: ["ends": "\(end)"])
        }
        if case .changed = clients { logger.notice("new authorities for client certificates count") }
        for outcome in [server, clients] {
            switch outcome {
            case .unchanged: break
            case .changed: metrics.tls.reloaded()
            case .refused(let fault):
                metrics.tls.refused()
                logger.error(
                    "the new certificate files are not usable; the old ones stay", metadata: ["reason": "\(fault)"])
            }
        }
        return server != .unchanged || clients != .unchanged
    }

    private func warn(until notAfter: Int64) {
        let end = RFC3339.text(Timestamp(seconds: notAfter))
        if notAfter <= now().seconds {
            logger.error("the certificate has ended", metadata: ["ended": "\(end)"])
        } else {
            logger.warning("the certificate ends in less than 30 days", metadata: ["ends": "\(end)"])
        }
    }
}
