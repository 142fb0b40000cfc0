import OAuth

/// `event_receivers`.
enum EventReceiverRecord: RegistryRecord {
    static let table = RegistryTable(
        "event_receivers", key: "receiver_id",
        columns: [
            "receiver_id", "endpoint", "client_id", "audience", "events", "allow_private_network", "enabled",
            "authorization", "authorization_set_at", "created_at", "revision",
        ]
    )

    static func write(_ receiver: EventReceiver, to row: inout Arguments) {
        row.add(receiver.id.text)
        row.add(receiver.endpoint)
        row.add(receiver.clientID?.text)
        row.add(receiver.audience)
        row.add(receiver.events.map(\.shortName).joined(separator: " "))
        row.add(receiver.allowPrivateNetwork)
        row.add(receiver.enabled)
        if let box = receiver.authorization { row.add(box) } else { row.add(nil as String?) }
        row.add(receiver.authorizationSetAt)
        row.add(receiver.createdAt)
        row.add(receiver.revision)
    }

    static func read(_ row: RowReader, _ shared: inout SharedValues) throws -> EventReceiver {
        let words = row.text(4).split(separator: " ")
        let events = words.compactMap { SecurityEventType(shortName: String($0)) }
        let client = row.optionalText(2)
        guard let id = ReceiverID(row.text(0)), events.count == words.count,
            case let clientID = client.flatMap({ ClientID($0) }), (clientID == nil) == (client == nil)
        else { throw malformed(row.text(0)) }
        let box = row.blob(7)
        return EventReceiver(
            id: id, endpoint: row.optionalText(1), clientID: clientID, audience: row.text(3), events: events,
            allowPrivateNetwork: row.flag(5), enabled: row.flag(6), authorization: box.isEmpty ? nil : box,
            authorizationSetAt: row.optionalTime(8), createdAt: row.time(9), revision: row.number(10)
        )
    }
}
