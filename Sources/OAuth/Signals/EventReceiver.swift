package import JOSE
import Vault

/// The name of an event receiver, which is also its SSF `stream_id`.
package struct ReceiverID: Identifier {
    package let text: String

    package init?(_ text: String) {
        guard text.consists(of: .clientChosenName, count: 1...128) else { return nil }
        self.text = text
    }

    static func make() -> ReceiverID { ReceiverID(unchecked: "rcv_" + Unguessable.text(bytes: 16)) }

    init(unchecked text: String) { self.text = text }
}

/// Somebody who is told of every revocation by a signed security event: one SSF stream, opened by an operator.
package struct EventReceiver: Sendable, Equatable {
    package let id: ReceiverID
    /// Where events are pushed to (RFC 8935); nil when the receiver polls (RFC 8936).
    package let endpoint: String?
    /// Who may poll, look at the stream and have it verified.
    package internal(set) var clientID: ClientID?
    /// The `aud` of its events.
    package let audience: String
    package var events: [SecurityEventType]
    /// The operator allows the endpoint to resolve to a private address.
    package var allowPrivateNetwork: Bool
    package var enabled: Bool
    /// The value of the `Authorization` header of a push, sealed.
    package private(set) var authorization: [UInt8]?
    package private(set) var authorizationSetAt: Timestamp?
    /// The same before it is sealed: only between a request and its commit.
    private(set) var unsealed: Secret?
    package let createdAt: Timestamp
    package var revision: Int

    package init(
        id: ReceiverID, endpoint: String?, clientID: ClientID?, audience: String,
        events: [SecurityEventType] = SecurityEventType.subscribable, allowPrivateNetwork: Bool = false,
        enabled: Bool = true, authorization: [UInt8]? = nil, authorizationSetAt: Timestamp? = nil,
        createdAt: Timestamp, revision: Int = 1
    ) {
        self.id = id
        self.endpoint = endpoint
        self.clientID = clientID
        self.audience = audience
        self.events = events
        self.allowPrivateNetwork = allowPrivateNetwork
        self.enabled = enabled
        self.authorization = authorization
        self.authorizationSetAt = authorizationSetAt
        self.createdAt = createdAt
        self.revision = revision
    }

    /// Puts the box in the place of what it holds.
    mutating func seal(_ box: [UInt8]) {
        authorization = box
        unsealed = nil
    }
}

extension EventReceiver: Registered {
    package static var kind: RegistryKind { .receiver }
    package var identifier: String { id.text }
    package var change: RegistryObject { .receiver(self) }

    package func document(at now: Timestamp) -> JSONObject {
        var document: JSONObject = [
            "receiver_id": .string(id.text),
            "delivery": .string(endpoint == nil ? "poll" : "push"),
            "endpoint": .text(endpoint),
            "client_id": .text(clientID?.text),
            "audience": .string(audience),
        ]
        for member in draft.members { document[member.name] = member.value }
        document["authorization_set_at"] = .time(authorizationSetAt)
        document["created_at"] = .time(createdAt)
        return document
    }

    package var draft: JSONObject {
        [
            "events": .texts(events.map(\.shortName)),
            "allow_private_network": .bool(allowPrivateNetwork),
            "enabled": .bool(enabled),
        ]
    }

    package init(creating draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) {
        var reader = DocumentReader(draft)
        let id = reader.parsed("receiver_id", "1 to 128 characters of A-Z a-z 0-9 . _ : @ -") { ReceiverID($0) }
        let endpoint = reader.parsed("endpoint", "an https URL (http only on loopback)") { text in
            URIReference(text).flatMap { $0.isAcceptableForTokens && text.utf8.count <= 2048 ? text : nil }
        }
        let client = reader.parsed("client_id", "a client id") { ClientID($0) }
        if let client, context.registry.client(client) == nil { reader.refuse("client_id", "is not registered") }
        if endpoint == nil, client == nil,
            !reader.errors.contains(where: { ["endpoint", "client_id"].contains($0.field) })
        {
            reader.refuse("endpoint", "endpoint (to push to) or client_id (who polls) is required")
        }
        let audience = reader.text("audience", limit: 2048) ?? client?.text ?? endpoint ?? ""
        var receiver = EventReceiver(
            id: id ?? .make(), endpoint: endpoint, clientID: client, audience: audience, createdAt: context.now
        )
        receiver.read(&reader, at: context.now)
        try reader.finish()
        self = receiver
    }

    package func replaced(by draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) -> EventReceiver {
        var reader = DocumentReader(draft)
        reader.unchangeable("receiver_id", is: .string(id.text))
        reader.unchangeable("endpoint", is: .text(endpoint))
        reader.unchangeable("client_id", is: .text(clientID?.text))
        reader.unchangeable("audience", is: .string(audience))
        var receiver = self
        receiver.read(&reader, at: context.now)
        try reader.finish()
        return receiver
    }

    private mutating func read(_ reader: inout DocumentReader, at now: Timestamp) {
        let names = SecurityEventType.subscribable.map(\.shortName).joined(separator: ", ")
        let wanted = reader.list("events", "one of \(names)", limit: 8) { SecurityEventType(shortName: $0) }
        events =
            wanted.isEmpty ? SecurityEventType.subscribable : SecurityEventType.subscribable.filter(wanted.contains)
        allowPrivateNetwork = reader.bool("allow_private_network", default: false)
        enabled = reader.bool("enabled", default: true)
        let header = reader.parsed("authorization_header", "the value of a header: 1 to 4096 visible ASCII characters")
        {
            text in
            (1...4096).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20...0x7E).contains($0) } ? text : nil
        }
        guard let header else { return }
        if endpoint == nil { reader.refuse("authorization_header", "is for receivers that are pushed to") }
        unsealed = Secret(Array(header.utf8))
        authorizationSetAt = now
    }
}

extension KeyCustodian {
    static func place(of receiver: ReceiverID) -> Place {
        Place(table: "event_receivers", row: receiver.text, purpose: "authorization")
    }

    /// Seals what a receiver is to be called with, before it is stored.
    func seal(_ receiver: inout EventReceiver) throws {
        guard let secret = receiver.unsealed else { return }
        receiver.seal(try secret.withBytes { try barrier.seal($0, at: Self.place(of: receiver.id)).bytes })
    }

    /// The value of the `Authorization` header for a push.
    func authorization(of receiver: EventReceiver) throws -> Secret? {
        guard let box = receiver.authorization else { return nil }
        return try barrier.open(try SealedBox(bytes: box), at: Self.place(of: receiver.id))
    }
}
