import JOSE

/// What somebody says of a connection when they start it. Everything may be left out when it is there already.
struct ConnectionOrder: Sendable {
    var provider: ConnectionProvider?
    /// The client's secret at the provider; only between the request and its commit.
    var clientSecret: String?
    var owner: String?
    var account: String?
    var allowPrivateNetwork: Bool?

    init(_ body: JSONObject) throws(InvalidDocument) {
        var reader = DocumentReader(body)
        var secret: String?
        provider = reader.object("provider") { ConnectionProvider.read(&$0, secret: &secret) }
        clientSecret = secret
        owner = reader.parsed("owner", "a user as NAME|SUB") { UserSubject(claim: $0)?.claim }
        account = reader.text("account")
        if reader.value("allow_private_network") != nil {
            allowPrivateNetwork = reader.bool("allow_private_network", default: false)
        }
        try reader.finish()
    }
}
