import ArgumentParser
import Foundation
import JOSE

/// `legate secret get`
struct SecretGet: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Read a value, as the agent that may. Only the value is written to standard output.",
        discussion: """
            Example:
              legate secret get payments/stripe --client planner \\
                  --secret-file planner.secret --task invoice-42
              curl -H "Authorization: Bearer $(legate secret get payments/stripe \\
                  --token-file vault.token)" https://api.stripe.example
              legate secret get payments/stripe --wrap 5m

            Every read is a lease and stands in the audit trail. --wrap gives a reference that opens once, in place of \
            the value; --json shows the lease with it.
            """
    )

    @Argument(help: "Its name.")
    var name: SecretNameArgument

    @Option(help: ArgumentHelp("Which version (default: the current one).", valueName: "n"))
    var version: Int?

    @Option(
        help: ArgumentHelp(
            "A reference that opens once and lasts this long, instead of the value.", valueName: "duration"))
    var wrap: DurationArgument?

    @Flag(help: "The whole answer with the lease, as JSON.")
    var json = false

    @OptionGroup var reading: VaultReaderOptions
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if let version, version < 1 { throw ValidationError("--version must be 1 or more") }
    }

    func answer(from server: AdminClient) async throws -> Answer {
        let token = try await reading.token(from: server)
        let query = [
            (name: "version", value: version.map(String.init)), (name: "wrap_ttl", value: wrap.map { "\($0.seconds)" }),
        ]
        return .card(try await server.vault("GET", name.path("values"), query: query, token: token))
    }

    func run() async throws {
        let answer = try await connection.withServer { try await self.answer(from: $0) }
        try ReleasedValue.print(answer, asJSON: json || connection.output == .json)
    }
}

/// The value in an answer of the vault, as the bytes that were put.
enum ReleasedValue {
    /// Prints the value alone, or the whole answer as JSON.
    static func print(_ answer: Answer, asJSON: Bool) throws {
        if asJSON { return try Printer(format: .json, isQuiet: true).print(answer) }
        var bytes = try Self.bytes(of: answer.json)
        // On a terminal the prompt begins on a line of its own; a pipe gets the value to the byte.
        if isatty(STDOUT_FILENO) == 1, bytes.last != UInt8(ascii: "\n") { bytes.append(UInt8(ascii: "\n")) }
        try Printer.write(bytes)
    }

    /// A reference stands for itself.
    static func bytes(of answer: JSON?) throws(CommandFailure) -> [UInt8] {
        guard let document = answer?.object else { throw notAValue }
        if let reference = document["reference"]?.string { return Array(reference.utf8) }
        switch (document["value"]?.string, document["encoding"]?.string) {
        case (let text?, "utf8"): return Array(text.utf8)
        case (let text?, "base64"):
            guard let data = Data(base64Encoded: text) else { throw notAValue }
            return Array(data)
        default: throw notAValue
        }
    }

    private static var notAValue: CommandFailure { CommandFailure("the server did not answer with a value") }
}
