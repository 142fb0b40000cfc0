import AsyncHTTPClient
import JOSE
import Logging
import NIOCore
import Revocations

/// Reads the feed for ever: the snapshot first, then every batch as it comes, each verified before it counts.
///
/// When anything is altered, missing or out of order it starts again from a snapshot. What it has learnt stays: a
/// tombstone that was signed holds, however it came. Only heartbeats, which are signed as well, keep the gateway open.
struct FeedFollower: Sendable {
    let settings: GatewaySettings
    let judge: TokenJudge
    let upstream: Upstream
    let observer: (any GatewayObserver)?
    let logger: Logger

    /// For how long batches are asked for one by one when events do not come through.
    private static let pollingTime = Duration.seconds(60)
    /// After the server has refused us: it counts failed authentications.
    private static let afterRefusal = Duration.seconds(8)

    func run() async {
        var backoff = Backoff()
        var position: FeedPosition?
        var pollUntil: Duration?
        while !Task.isCancelled {
            var least = Duration.zero
            var isGood = false
            do {
                if position == nil { position = try await snapshot() }
                var here = position ?? FeedPosition()
                // Also after a failure: what was read until then was good.
                defer { position = here }
                if let until = pollUntil, settings.clock.elapsed() < until {
                    try await poll(until: until, &here, &isGood)
                } else {
                    pollUntil = nil
                    try await stream(&here, &isGood)
                    // A line that ends before anything came through may hold events back.
                    if !isGood { pollUntil = settings.clock.elapsed() + Self.pollingTime }
                }
            } catch {
                if Task.isCancelled { return }
                (position, least) = judged(error, position)
                if position != nil, !isGood, !(error is Upstream.Refusal) {
                    pollUntil = settings.clock.elapsed() + Self.pollingTime
                }
            }
            if isGood { backoff.reset() }
            try? await Task.sleep(for: backoff.step(atLeast: least))
        }
    }

    /// From where to go on after a failure, and when at the earliest.
    private func judged(_ error: any Error, _ position: FeedPosition?) -> (FeedPosition?, Duration) {
        switch error {
        case let breach as FeedBreach:
            logger.error("the revocation feed is not what the server sent", metadata: ["reason": "\(breach)"])
            return (nil, .zero)
        case let refusal as Upstream.Refusal where refusal.status == 410:
            logger.notice("too far behind the revocation feed; reading the snapshot")
            return (nil, .zero)
        case let refusal as Upstream.Refusal:
            logger.error("the revocation feed is refused", metadata: ["reason": "\(refusal)"])
            return (position, [401, 403, 429].contains(refusal.status) ? Self.afterRefusal : .zero)
        default:
            logger.warning("the revocation feed is interrupted", metadata: ["reason": "\(error)"])
            return (position, .zero)
        }
    }

    private func snapshot() async throws -> FeedPosition {
        var position = FeedPosition()
        while true {
            let (jws, head) = try await upstream.page(after: position.sequence)
            let page = try await batch(jws)
            let before = position
            try position.read(page)
            try await take(page.entries)
            // If the head is a lie, what is missing has not come when we ask for what follows.
            if position.sequence >= head { return position }
            guard position != before else { throw FeedBreach.gap }
        }
    }

    private func stream(_ position: inout FeedPosition, _ isGood: inout Bool) async throws {
        let body = try await upstream.stream(after: position.sequence)
        var events = EventStream(limit: Upstream.longestEvent)
        for try await piece in body {
            for jws in try events.take(piece.readableBytesView) {
                try await follow(jws, &position)
                isGood = true
            }
        }
    }

    private func poll(until: Duration, _ position: inout FeedPosition, _ isGood: inout Bool) async throws {
        // Often enough for the bound, and below the silence after which a line counts as dead.
        let wait = min(3, max(1, settings.failClosedAfter.components.seconds / 3))
        while settings.clock.elapsed() < until, !Task.isCancelled {
            try await follow(try await upstream.poll(after: position.sequence, wait: wait), &position)
            isGood = true
        }
    }

    /// Takes one batch of the feed.
    private func follow(_ jws: String, _ position: inout FeedPosition) async throws {
        let batch = try await batch(jws)
        try position.follow(batch, jws: jws)
        try await take(batch.entries)
        let left = judge.freshness.prove(batch.issuedAt)
        await observer?.holds(for: left)
    }

    private func take(_ revocations: [Revocation]) async throws {
        guard !revocations.isEmpty else { return }
        guard judge.revocations.count + revocations.count <= settings.maximumRevocations else {
            throw FeedBreach.tooMany
        }
        judge.revocations.insert(revocations)
        await observer?.took(revocations)
        for revocation in revocations where revocation.kind == .key {
            if let left = judge.keys.revoke(revocation.id) { await observer?.published(left) }
        }
    }

    /// The batch, once its signature, issuer and time are verified.
    private func batch(_ jws: String) async throws -> RevocationBatch {
        let batch: RevocationBatch
        do throws(JWTError) {
            let unverified = try UnverifiedJWT(jws, maximumLength: Upstream.longestPage)
            batch = try RevocationBatch(try await verified(unverified))
            guard batch.issuer == settings.issuer else { throw .badClaim("iss") }
        } catch {
            throw FeedBreach.notGenuine(error.description)
        }
        guard batch.issuedAt <= settings.clock.seconds() + Freshness.leeway else { throw FeedBreach.fromTheFuture }
        return batch
    }

    private func verified(_ batch: UnverifiedJWT) async throws(JWTError) -> VerifiedJWT {
        for isLast in [false, true] {
            do throws(JWTError) {
                guard let keys = judge.keys.current else { throw .unknownKey }
                return try batch.verified(with: keys, algorithms: [.es256], types: .exactly(RevocationBatch.type))
            } catch .unknownKey where !isLast {
                // The successor of a revoked key signs at once: the set is read again.
                await judge.keys.refreshed(floor: PublishedKeys.feedFloor, patience: .seconds(5))
            }
        }
        throw .unknownKey
    }
}
