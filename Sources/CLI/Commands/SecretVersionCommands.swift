import ArgumentParser
import JOSE

/// Which version of which secret.
struct SecretVersionOptions: ParsableArguments {
    @Argument(help: "Its name.")
    var name: SecretNameArgument

    @Option(help: ArgumentHelp("Which version.", valueName: "n"))
    var version: Int

    func validate() throws {
        if version < 1 { throw ValidationError("--version must be 1 or more") }
    }

    var body: JSONObject { ["version": .integer(Int64(version))] }
}

/// `legate secret delete`
struct SecretDelete: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Make a version unreadable; undelete brings it back.",
        discussion: """
            Example:
              legate secret delete payments/stripe
              legate secret delete payments/stripe --version 2
            """
    )

    @Argument(help: "Its name.")
    var name: SecretNameArgument

    @Option(help: ArgumentHelp("Which version (default: the current one).", valueName: "n"))
    var version: Int?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if let version, version < 1 { throw ValidationError("--version must be 1 or more") }
    }

    func answer(from server: AdminClient) async throws -> Answer {
        try await server.vault("DELETE", name.path("values"), query: [("version", version.map(String.init))])
        return .done("\(version.map { "version \($0)" } ?? "the current version") of \(name) cannot be read any more")
    }
}

/// `legate secret undelete`
struct SecretUndelete: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "undelete",
        abstract: "Bring a deleted version back.",
        discussion: """
            Example:
              legate secret undelete payments/stripe --version 2
            """
    )

    @OptionGroup var which: SecretVersionOptions
    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        try await server.vault("POST", which.name.path("undelete"), body: which.body)
        return .done("version \(which.version) of \(which.name) is back")
    }
}

/// `legate secret destroy`
struct SecretDestroy: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "destroy",
        abstract: "Erase a version's value for good.",
        discussion: """
            Example:
              legate secret destroy payments/stripe --version 1
            """
    )

    @OptionGroup var which: SecretVersionOptions
    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        try await server.vault("POST", which.name.path("destroy"), body: which.body)
        return .done("version \(which.version) of \(which.name) is erased")
    }
}

/// `legate secret remove`
struct SecretRemove: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a secret with all its versions and rules; its leases end.",
        discussion: """
            Example:
              legate secret remove payments/stripe
            """
    )

    @Argument(help: "Its name.")
    var name: SecretNameArgument

    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        try await server.vault("DELETE", name.path("secrets"))
        return .done("\(name) is removed")
    }
}
