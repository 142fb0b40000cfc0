import Foundation
import JOSE
import LegateGateway
import Logging
import Revocations
import ServiceLifecycle

/// Keeps HAProxy's keys and its map of denied ids as the feed says.
///
/// HAProxy fails closed by itself: the map says until when it may be believed, and that moment is moved on with each
/// heartbeat. When this process dies, or the feed is silent, nobody moves it. A HAProxy that has just been started or
/// reloaded is known by the missing epoch and is given everything.
actor HAProxyFollower: GatewayObserver, Service {
    private let socket: HAProxySocket?
    private let master: HAProxySocket?
    private let directory: String
    private let logger: Logger

    private var map: DeniedMap
    private var slots: KeySlots
    /// What the HAProxy that answers now was told last; nil when it must be told everything.
    private var epoch: Int?
    private var openUntil: Int64 = 0
    private var isReachable = true
    private var ticks = 0
    /// Commands that change the map are sent one after the other.
    private var isBusy = false

    /// Between two looks whether HAProxy was started again.
    private static let interval = Duration.milliseconds(500)
    /// Seconds for which a HAProxy that was reloaded by us may believe its file, until it is told everything.
    private static let headStart: Int64 = 2

    init(
        directory: String, socket: String?, master: String?, logger: Logger
    ) throws {
        self.directory = directory
        self.socket = socket.map(HAProxySocket.init)
        self.master = master.map(HAProxySocket.init)
        self.logger = logger
        let file = directory + "/denied.map"
        map = DeniedMap(file: file)
        slots = KeySlots(directory: directory)
        // HAProxy does not start without the file. It believes an old one for as long as that says.
        if Files.contents(file) == nil { try Data().write(to: URL(fileURLWithPath: file)) }
    }

    func took(_ revocations: [Revocation]) async {
        let commands = map.take(revocations)
        if epoch != nil { await send(commands) }
    }

    func holds(for time: Duration) async {
        openUntil = max(openUntil, Self.now() + time.components.seconds)
        if epoch != nil { await send(["set map \(map.file) \(DeniedMap.openUntil) \(openUntil)"]) }
    }

    func published(_ keys: JWKSet) async {
        do {
            let change = try slots.write(keys)
            if change.left > 0 {
                logger.error("there are more keys than places for them", metadata: ["left": "\(change.left)"])
            }
            await send(change.removed.map { "del map \(directory)/\(KeySlots.mapName) \($0)" }, toleratesMissing: true)
            if change.isReloadNeeded { await reload() }
        } catch {
            logger.error("the key files cannot be written", metadata: ["reason": "\(error)"])
        }
    }

    /// Looks after HAProxy until the service is stopped. It goes on by itself then, for as long as the map says.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.tick()
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    private func tick() async {
        ticks += 1
        guard epoch != nil else { return await sendEverything() }
        await send(ticks.isMultiple(of: 20) ? map.prune(at: Self.now()) : [], toleratesMissing: true)
    }

    // MARK: HAProxy

    /// Sends commands to the HAProxy that knows what came before; else nothing, and everything a little later.
    private func send(_ commands: [String], toleratesMissing: Bool = false) async {
        guard let socket, let epoch else { return }
        let question = "get map \(map.file) \(DeniedMap.epoch)"
        do {
            for line in DeniedMap.joined([question] + commands, with: ";") {
                let answer = try await socket.ask(line.hasPrefix("get map") ? line : "\(question);\(line)")
                guard answer.contains("value=\"\(epoch)\"") else { throw Restarted() }
                guard toleratesMissing || Self.isGood(answer) else {
                    throw HAProxySocket.Failure(description: "HAProxy answered: \(Self.complaint(in: answer))")
                }
            }
            note(isReachable: true)
        } catch is Restarted {
            // Whoever answers has not been told anything: not yet by us.
            if self.epoch == epoch { self.epoch = nil }
            await sendEverything()
        } catch {
            if self.epoch == epoch { self.epoch = nil }
            note(isReachable: false, error)
        }
    }

    private struct Restarted: Error {}

    /// Puts a new map in the place of the old one, at once.
    private func sendEverything() async {
        guard let socket, openUntil > 0, !isBusy else { return }
        isBusy = true
        defer { isBusy = false }
        let fresh = Int.random(in: 1...Int(Int32.max))
        do {
            let version = try await prepare(socket)
            // What changes while this goes on comes after it: the epoch is known from here on.
            let lines = map.lines(openUntil: openUntil, epoch: fresh)
            for payload in DeniedMap.joined(lines, with: "\n") {
                try await expectNothing(try await socket.ask("add map @\(version) \(map.file) <<\n\(payload)\n"))
            }
            try await expectNothing(try await socket.ask("commit map @\(version) \(map.file)"))
            epoch = fresh
            logger.info("HAProxy was told everything", metadata: ["revocations": "\(map.count)"])
            note(isReachable: true)
        } catch {
            note(isReachable: false, error)
        }
    }

    private func prepare(_ socket: HAProxySocket) async throws -> Int {
        let answer = try await socket.ask("prepare map \(map.file)")
        let last = answer.split { $0 == " " || $0 == "\n" }.last
        guard answer.hasPrefix("New version created"), let version = last.flatMap({ Int($0) }) else {
            throw HAProxySocket.Failure(description: "HAProxy answered: \(Self.complaint(in: answer))")
        }
        return version
    }

    private func expectNothing(_ answer: String) async throws {
        guard Self.isGood(answer) else {
            throw HAProxySocket.Failure(description: "HAProxy answered: \(Self.complaint(in: answer))")
        }
    }

    /// HAProxy reads key files only when it starts.
    private func reload() async {
        guard let master else {
            if socket != nil { logger.warning("the keys have changed: reload HAProxy") }
            return
        }
        do {
            // The new process believes the file for a moment, so that nobody is turned away meanwhile.
            let until = min(openUntil, Self.now() + Self.headStart)
            let text = map.lines(openUntil: until, epoch: nil).joined(separator: "\n") + "\n"
            try Data(text.utf8).write(to: URL(fileURLWithPath: map.file), options: .atomic)
            _ = try await master.ask("reload")
            logger.notice("HAProxy was told to read its keys again")
            for _ in 0..<100 where !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(20))
                // Nil as soon as the new process answers; then it is told everything at once.
                let before = epoch
                await send([])
                if epoch != before { return }
            }
        } catch {
            logger.error("HAProxy cannot be reloaded", metadata: ["reason": "\(error)"])
        }
    }

    private func note(isReachable now: Bool, _ error: (any Error)? = nil) {
        if now != isReachable {
            if now {
                logger.notice("HAProxy answers again")
            } else {
                logger.error("HAProxy cannot be told", metadata: ["reason": "\(error.map { "\($0)" } ?? "")"])
            }
        }
        isReachable = now
    }

    /// A command that went well answers with an empty line; a question with one that begins with `type=`.
    private static func isGood(_ answer: String) -> Bool { complaint(in: answer).isEmpty }

    private static func complaint(in answer: String) -> Substring {
        answer.split(separator: "\n").first { !$0.hasPrefix("type=") } ?? ""
    }

    private static func now() -> Int64 { GatewayClock.system.seconds() }
}
