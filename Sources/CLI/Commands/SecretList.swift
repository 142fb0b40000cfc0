import ArgumentParser
import JOSE

/// `legate secret list`
struct SecretList: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the secrets, without their values.",
        discussion: """
            Example:
              legate secret list
              legate secret list --prefix payments/

            Who may only read sees what may be read.
            """
    )

    @Option(help: ArgumentHelp("Only names that begin so.", valueName: "text"))
    var prefix: String?

    @OptionGroup var page: ListOptions
    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        .list(
            try await server.list("secrets", [("prefix", prefix)], page, at: .vault), SecretCommand.columns
        )
    }
}

/// `legate secret show`
struct SecretShow: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show what a secret is and who may read it. No value.",
        discussion: """
            Example:
              legate secret show payments/stripe
            """
    )

    @Argument(help: "Its name.")
    var name: SecretNameArgument

    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        .card(try await server.get(name.path("secrets"), at: .vault))
    }
}

/// `legate secret versions`
struct SecretVersions: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "versions",
        abstract: "List the versions of a secret, oldest first.",
        discussion: """
            Example:
              legate secret versions payments/stripe
            """
    )

    @Argument(help: "Its name.")
    var name: SecretNameArgument

    @OptionGroup var connection: ConnectionOptions

    private static let columns: [Table.Column] = [
        .init("VERSION", "version"), .init("STATE", "state"), .init("READABLE", "readable"),
        .init("UNTIL", "readable_until"), .init("CREATED", "created_at"),
    ]

    func answer(from server: AdminClient) async throws -> Answer {
        .list(try await server.get(name.path("versions"), at: .vault), Self.columns)
    }
}
