import ArgumentParser
import JOSE

/// `legate secret leases`
struct SecretLeases: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "leases",
        abstract: "Who holds a secret at this moment: which client, for whom, in which task, until when.",
        discussion: """
            Example:
              legate secret leases payments/stripe
            """
    )

    @Argument(help: "Its name (default: all secrets).")
    var name: SecretNameArgument?

    @OptionGroup var page: ListOptions
    @OptionGroup var connection: ConnectionOptions

    private static let columns: [Table.Column] = [
        .init("LEASE", "lease_id"), .init("SECRET", "secret"), .init("VERSION", "version"),
        .init("CLIENT", "client_id"), .init("SUBJECT", "subject"), .init("TASK", "task_id"),
        .init("EXPIRES", "expires_at"),
    ]

    func answer(from server: AdminClient) async throws -> Answer {
        .list(
            try await server.list("leases", [("secret", name?.description)], page, at: .vault), Self.columns
        )
    }
}

/// `legate secret revoke-lease`
struct SecretRevokeLease: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke-lease",
        abstract: "End a lease before its time.",
        discussion: """
            Example:
              legate secret revoke-lease lease_01hz… --reason "wrong host"

            Whoever has seen a value has seen it: a secret that rotates on a revoked lease gets a new one.
            """
    )

    @Argument(help: "Its id.")
    var id: String

    @Option(help: ArgumentHelp("Why, for the audit trail.", valueName: "text"))
    var reason: String?

    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        try await server.vault("DELETE", "leases/\(id.segment)", query: [("reason", reason)])
        return .done("the lease \(id) is ended")
    }
}
