/// From where clients have proved themselves lately, in bounded memory: a few networks for each client, and what was not
/// seen for a while is forgotten.
struct KnownAddresses: Sendable {
    private static let perClient = 8
    /// Seconds after which a generation is old; what is seen in neither of two is forgotten.
    private static let generation = 43_200
    private let capacity: Int

    private var young: [ClientID: [String]] = [:]
    private var old: [ClientID: [String]] = [:]
    private var since: Timestamp?

    /// - Parameter capacity: clients in one generation.
    init(capacity: Int = 8192) { self.capacity = capacity }

    /// Clients that are remembered.
    var size: Int { young.count + old.count }

    func knows(_ client: ClientID, from network: String) -> Bool {
        young[client]?.contains(network) == true || old[client]?.contains(network) == true
    }

    mutating func remember(_ client: ClientID, from network: String, at now: Timestamp) {
        if let since, now >= since, now < since.adding(seconds: Self.generation), young.count < capacity {
            if young[client]?.contains(network) == true { return }
        } else {
            old = young
            young = [:]
            since = now
        }
        var networks = young[client] ?? []
        networks.append(network)
        if networks.count > Self.perClient { networks.removeFirst() }
        young[client] = networks
    }
}
