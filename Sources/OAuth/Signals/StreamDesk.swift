package import JOSE
import Synchronization
import Vault

/// What receivers can ask of their event streams (OpenID SSF 1.0): look at them, have them verified, poll.
package final class StreamDesk: Sendable {
    /// Seconds between two verifications of one stream (SSF section 8.1.4).
    package static let verificationInterval = 60
    /// Seconds that a poll waits for an event when it may.
    private static let longestPoll = Duration.seconds(30)
    private static let longestState = 1024
    package static let push = "urn:ietf:rfc:8935"
    package static let poll = "urn:ietf:rfc:8936"

    private let issuer: IssuerURL
    private let registry: Registry
    private let keys: SigningKeys
    private let store: any Store
    private let ledger: Ledger
    private let now: Now
    private let verified = Mutex<[ReceiverID: Timestamp]>([:])

    init(
        issuer: IssuerURL, registry: Registry, keys: SigningKeys, store: any Store, ledger: Ledger,
        now: @escaping Now
    ) {
        self.issuer = issuer
        self.registry = registry
        self.keys = keys
        self.store = store
        self.ledger = ledger
        self.now = now
    }

    // MARK: Looking

    /// The transmitter's configuration (SSF section 7.1).
    package var configuration: JSONObject {
        [
            "spec_version": "1_0",
            "issuer": .string(issuer.text),
            "jwks_uri": .string(issuer.text + "/.well-known/jwks.json"),
            "delivery_methods_supported": .texts([Self.push, Self.poll]),
            "configuration_endpoint": .string(issuer.text + "/ssf/streams"),
            "status_endpoint": .string(issuer.text + "/ssf/status"),
            "verification_endpoint": .string(issuer.text + "/ssf/verify"),
            "authorization_schemes": [
                .object(["spec_urn": "urn:ietf:rfc:6749"]), .object(["spec_urn": "urn:ietf:rfc:6750"]),
            ],
            "default_subjects": "ALL",
        ]
    }

    /// The streams of a client.
    package func streams(of client: ClientID) -> [EventReceiver] {
        registry.eventReceivers(of: client)
    }

    /// A client's stream by its id. Another's looks as if it were not there.
    package func stream(_ id: String?, of client: ClientID) -> EventReceiver? {
        streams(of: client).first { $0.id.text == id }
    }

    /// A stream as SSF section 8.1.1 shows it. The receiver's credential is not among it.
    package func document(of stream: EventReceiver) -> JSONObject {
        let delivered = JSON.texts(stream.events.map(\.rawValue))
        return [
            "stream_id": .string(stream.id.text),
            "iss": .string(issuer.text),
            "aud": .string(stream.audience),
            "delivery": .object([
                "method": .string(stream.endpoint == nil ? Self.poll : Self.push),
                "endpoint_url": .string(stream.endpoint ?? issuer.text + "/ssf/poll"),
            ]),
            "events_supported": .texts(SecurityEventType.subscribable.map(\.rawValue)),
            "events_requested": delivered,
            "events_delivered": delivered,
            "min_verification_interval": .integer(Int64(Self.verificationInterval)),
        ]
    }

    /// SSF section 8.1.2.
    package func status(of stream: EventReceiver) -> JSONObject {
        ["stream_id": .string(stream.id.text), "status": .string(stream.enabled ? "enabled" : "disabled")]
    }

    // MARK: Verifying

    /// Sends an event by which a receiver sees that its stream works (SSF section 8.1.4).
    ///
    /// - Throws: `slow_down` when the last one was just now, `access_denied` when the stream is disabled.
    package func verify(_ stream: EventReceiver, state: JSON?) async throws {
        let time = now()
        var content: JSONObject = [:]
        if let state, !state.isNull {
            guard let text = state.string, text.utf8.count <= Self.longestState else {
                throw OAuthError(.invalidRequest, "state must be a text of at most \(Self.longestState) bytes")
            }
            content["state"] = .string(text)
        }
        guard stream.enabled else { throw OAuthError(.accessDenied, "the stream is disabled") }
        let wait = verified.withLock { verified -> Int? in
            if let last = verified[stream.id], case let end = last.adding(seconds: Self.verificationInterval),
                time < end
            {
                return Int(clamping: (end.milliseconds - time.milliseconds + 999) / 1000)
            }
            verified[stream.id] = time
            return nil
        }
        if let wait { throw VerifiedTooSoon(retryAfter: wait) }
        let event = OutgoingEvent(
            .verification, content, about: ["format": "opaque", "id": .string(stream.id.text)], to: stream,
            from: issuer, transaction: Unguessable.text(bytes: 10), at: time
        )
        try await ledger.commit(Entry(changes: [.enqueue(event)]))
    }

    /// The stream was verified less than the interval ago.
    package struct VerifiedTooSoon: Error, Equatable {
        /// Seconds.
        package let retryAfter: Int
    }

    // MARK: Polling

    /// Takes what the receiver acknowledges, and gives what is due, oldest first (RFC 8936 section 2). What is not
    /// acknowledged comes again.
    ///
    /// - Throws: `access_denied` when the client has no stream to poll, or it is disabled.
    package func poll(_ request: EventPollRequest, by client: ClientID) async throws -> JSONObject {
        guard let stream = streams(of: client).first(where: { $0.endpoint == nil }) else {
            throw OAuthError(.accessDenied, "no event stream that is polled is registered for this client")
        }
        guard stream.enabled else { throw OAuthError(.accessDenied, "the stream is disabled") }
        try await settle(request, of: stream)
        guard request.maxEvents > 0 else {
            let more = try await store.events(for: stream.id, limit: 1)
            return ["sets": .object([:]), "moreAvailable": .bool(!more.isEmpty)]
        }
        let deadline = ContinuousClock.now + Self.longestPoll
        while true {
            let rings = registry.outbox.rings
            let events = try await store.events(for: stream.id, limit: request.maxEvents + 1)
            let rest = deadline - ContinuousClock.now
            if !events.isEmpty || request.returnImmediately || rest <= .zero || registry.outbox.isEnded {
                return try answer(events.prefix(request.maxEvents), hasMore: events.count > request.maxEvents)
            }
            await registry.outbox.wait(after: rings, atMost: rest)
            try Task.checkCancellation()
        }
    }

    private func settle(_ request: EventPollRequest, of stream: EventReceiver) async throws {
        let names = request.acknowledged + request.refused.map(\.jti)
        guard !names.isEmpty else { return }
        var entry = Entry(changes: [.acknowledge(stream.id, names)])
        if !request.refused.isEmpty {
            // Only what was really waiting is worth a record: whoever polls may name anything.
            let waiting = try await store.waiting(request.refused.map(\.jti), for: stream.id)
            for refusal in request.refused where waiting.contains(refusal.jti) {
                entry.audit.append(
                    stream.record(.eventRejected, .deny, reason: "\(refusal.jti): \(refusal.code)", at: now()))
            }
        }
        try await ledger.commit(entry)
    }

    private func answer(_ events: ArraySlice<OutgoingEvent>, hasMore: Bool) throws -> JSONObject {
        var sets: JSONObject = [:]
        for event in events { sets[event.jti] = .string(try event.signed(with: keys, at: now())) }
        return ["sets": .object(sets), "moreAvailable": .bool(hasMore)]
    }

    /// Forgets verifications that no longer count.
    func prune(at now: Timestamp) {
        verified.withLock { verified in
            verified = verified.filter { now < $0.value.adding(seconds: Self.verificationInterval) }
        }
    }
}
