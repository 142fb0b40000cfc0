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
    private let socket: HAProxySocket
    private let master: HAProxySocket?
    private let directory: String
    private let logger: Logger

    private var map: DeniedMap
    private var slots: KeySlots
    /// What the HAProxy that answers now was told last; nil when it must be told everything.
    private var epoch: Int?
    private var openUntil: Int64 = 0
    private var isReachable = true
    private var isReloadDue = false
    /// Looks that are still to be taken in quick succession, because HAProxy is being reloaded.
    private var quickLooks = 0
    private var looks = 0
    private var last: Task<Void, Never>?

    /// Between two looks whether HAProxy was started again.
    private static let interval = Duration.milliseconds(500)
    private static let quickInterval = Duration.milliseconds(10)
    /// Seconds for which a HAProxy that was reloaded by us may believe its file, until it is told everything.
    private static let headStart: Int64 = 2

    init(directory: String, socket: String, master: String?, logger: Logger) throws {
        self.directory = directory
        self.socket = HAProxySocket(path: socket)
        self.master = master.map(HAProxySocket.init)
        self.logger = logger
        let file = directory + "/denied.map"
        map = DeniedMap(file: file)
        slots = KeySlots(directory: directory)
        // HAProxy does not start without the file. It believes an old one for as long as that says.
        if Files.contents(file) == nil { try Data().write(to: URL(fileURLWithPath: file)) }
    }

    func took(_ revocations: [Revocation]) async {
        await inOrder { await self.send(await self.taken(revocations)) }
    }

    private func taken(_ revocations: [Revocation]) -> [String] { map.take(revocations) }

    func holds(for time: Duration) async {
        // Reckoned now: however long this has to wait for its turn, the moment is not put off by it.
        let until = Self.now() + time.components.seconds
        await inOrder { await self.open(until: until) }
    }

    func published(_ keys: JWKSet) async {
        await inOrder { await self.place(keys) }
    }

    /// Looks after HAProxy until the service is stopped. It goes on by itself then, for as long as the map says.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.inOrder { await self.look() }
                try? await Task.sleep(for: await self.pause())
            }
        }
    }

    /// One thing after the other, also while one waits for HAProxy: an actor alone would let the next one overtake.
    private func inOrder(_ work: @escaping @Sendable () async -> Void) async {
        let before = last
        let task = Task {
            await before?.value
            await work()
        }
        last = task
        await task.value
    }

    private func open(until: Int64) async {
        openUntil = max(openUntil, until)
        if epoch == nil {
            await sendEverything()
        } else {
            await send(["set map \(map.file) \(DeniedMap.openUntil) \(openUntil)"])
        }
    }

    private func place(_ keys: JWKSet) async {
        do {
            let change = try slots.write(keys)
            if change.left > 0 {
                logger.error("there are more keys than places for them", metadata: ["left": "\(change.left)"])
            }
            // A key that was revoked ends at once, before the files are read again.
            let file = "\(directory)/\(KeySlots.mapName)"
            await send(change.removed.map { "del map \(file) \($0)" }, toleratesMissing: true)
            if change.isReloadNeeded {
                isReloadDue = true
                await reload()
            }
        } catch {
            logger.error("the key files cannot be written", metadata: ["reason": "\(error)"])
        }
    }

    private func look() async {
        looks += 1
        quickLooks = max(0, quickLooks - 1)
        if isReloadDue, looks.isMultiple(of: 10) { await reload() }
        guard epoch != nil else { return await sendEverything() }
        await send(looks.isMultiple(of: 20) ? map.prune(at: Self.now()) : [], toleratesMissing: true)
    }

    private func pause() -> Duration { quickLooks > 0 ? Self.quickInterval : Self.interval }

    // MARK: HAProxy

    /// Sends commands to the HAProxy that knows what came before; to one that does not, everything.
    private func send(_ commands: [String], toleratesMissing: Bool = false) async {
        guard let epoch else { return }
        let question = "get map \(map.file) \(DeniedMap.epoch)"
        do {
            for line in commands.isEmpty ? [""] : DeniedMap.joined(commands, with: ";") {
                let answer = try await socket.ask(line.isEmpty ? question : "\(question);\(line)")
                guard answer.contains("value=\"\(epoch)\"") else {
                    self.epoch = nil
                    return await sendEverything()
                }
                guard toleratesMissing || Self.complaint(in: answer) == nil else { throw Self.failure(answer) }
            }
            note(isReachable: true)
        } catch {
            self.epoch = nil
            note(isReachable: false, error)
        }
    }

    /// Puts a new map in the place of the old one, at once.
    private func sendEverything() async {
        // Nothing is known yet: HAProxy stays closed.
        guard openUntil > 0 else { return }
        let fresh = Int.random(in: 1...Int(Int32.max))
        do {
            let version = try await prepare()
            for payload in DeniedMap.joined(map.lines(openUntil: openUntil, epoch: fresh), with: "\n") {
                try await tell("add map @\(version) \(map.file) <<\n\(payload)\n")
            }
            try await tell("commit map @\(version) \(map.file)")
            epoch = fresh
            logger.info("HAProxy was told everything", metadata: ["revocations": "\(map.count)"])
            note(isReachable: true)
        } catch {
            note(isReachable: false, error)
        }
    }

    private func prepare() async throws -> Int {
        let answer = try await socket.ask("prepare map \(map.file)")
        let last = answer.split { $0 == " " || $0 == "\n" }.last
        guard answer.hasPrefix("New version created"), let version = last.flatMap({ Int($0) }) else {
            throw Self.failure(answer)
        }
        return version
    }

    private func tell(_ command: String) async throws {
        let answer = try await socket.ask(command)
        guard Self.complaint(in: answer) == nil else { throw Self.failure(answer) }
    }

    /// HAProxy reads key files only when it starts.
    private func reload() async {
        guard let master else {
            isReloadDue = false
            logger.warning("the keys have changed: reload HAProxy")
            return
        }
        do {
            // The new process believes the file for a moment, so that nobody is turned away meanwhile.
            let until = min(openUntil, Self.now() + Self.headStart)
            let text = map.lines(openUntil: until, epoch: nil).joined(separator: "\n") + "\n"
            try Data(text.utf8).write(to: URL(fileURLWithPath: map.file), options: .atomic)
            _ = try await master.ask("reload")
            isReloadDue = false
            quickLooks = 200
            logger.notice("HAProxy was told to read its keys again")
        } catch {
            logger.warning("HAProxy cannot be reloaded; it is tried again", metadata: ["reason": "\(error)"])
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

    /// What is wrong, or nil: a command that went well answers with an empty line, a question with one that begins with
    /// `type=`.
    private static func complaint(in answer: String) -> Substring? {
        answer.split(separator: "\n").first { !$0.hasPrefix("type=") }
    }

    private static func failure(_ answer: String) -> HAProxySocket.Failure {
        HAProxySocket.Failure(description: "HAProxy answers: \(complaint(in: answer) ?? "nothing")")
    }

    private static func now() -> Int64 { GatewayClock.system.seconds() }
}
