import ArgumentParser
import JOSE

/// `legate secret allow`
struct SecretAllow: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "allow",
        abstract: "Let clients have a secret. Everybody else is told that there is none.",
        discussion: """
            Example:
              legate secret allow payments/stripe --reader planner
              legate secret allow users/alice/github --reader planner \\
                  --subject 'corp|alice'
              legate secret allow payments/stripe --reader planner \\
                  --door https://api.stripe.example

            With --subject the client must act for that user, under a live delegation. --door names the API through \
            which the secret is given, by token exchange or by a gateway; without it, it is read from the vault. A rule \
            for one door opens no other.
            """
    )

    @Argument(help: "Its name.")
    var name: SecretNameArgument

    @Option(parsing: .upToNextOption, help: ArgumentHelp("The clients.", valueName: "client"))
    var reader: [String] = []

    @Option(help: ArgumentHelp("Only for this user, as NAME|SUB.", valueName: "user"))
    var subject: String?

    @Option(help: ArgumentHelp("Only with this scope in the token.", valueName: "scope"))
    var scope: String?

    @Option(help: ArgumentHelp("The third-party API that is the door (default: the vault).", valueName: "uri"))
    var door: String?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if reader.isEmpty, subject == nil { throw ValidationError("name a --reader, a --subject or both") }
    }

    func answer(from server: AdminClient) async throws -> Answer {
        for rule in rules { try await server.vault("POST", name.path("rules"), body: rule) }
        return .card(try await server.vault("GET", name.path("secrets")))
    }

    /// One for each client, or one for whoever acts for the user.
    var rules: [JSONObject] {
        let clients: [String?] = reader.isEmpty ? [nil] : reader
        return clients.map { client in
            var rule = JSONObject()
            rule.set("client_id", client)
            rule.set("subject", subject)
            rule.set("scope", scope)
            rule.set("resource", door)
            return rule
        }
    }
}

/// `legate secret disallow`
struct SecretDisallow: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "disallow",
        abstract: "Take away what lets a client have a secret. Its leases run on until they end or are revoked.",
        discussion: """
            Example:
              legate secret disallow payments/stripe --reader planner
              legate secret disallow payments/stripe --rule rule_01hz…
            """
    )

    @Argument(help: "Its name.")
    var name: SecretNameArgument

    @Option(help: ArgumentHelp("All rules for this client.", valueName: "client"))
    var reader: String?

    @Option(help: ArgumentHelp("All rules for this user, as NAME|SUB.", valueName: "user"))
    var subject: String?

    @Option(help: ArgumentHelp("This rule alone.", valueName: "id"))
    var rule: String?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if reader ?? subject ?? rule == nil { throw ValidationError("name a --reader, a --subject or a --rule") }
    }

    func answer(from server: AdminClient) async throws -> Answer {
        let query = [(name: "client_id", value: reader), ("subject", subject), ("rule_id", rule)]
        try await server.vault("DELETE", name.path("rules"), query: query)
        return .card(try await server.vault("GET", name.path("secrets")))
    }
}
