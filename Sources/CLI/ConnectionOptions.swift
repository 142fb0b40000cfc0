import ArgumentParser
import Foundation

/// What every command that talks to a server understands.
struct ConnectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server, instead of the one in the profile (LEGATE_SERVER).", valueName: "url"))
    var server: String?

    @Option(
        help: ArgumentHelp("PEM certificates of a private CA to trust as well (LEGATE_CA_FILE).", valueName: "file"),
        completion: .file()
    )
    var ca: String?

    @Option(help: "table (default on a terminal) or json (default in a pipe).")
    var output: OutputFormat?

    @Flag(name: .shortAndLong, help: "Only the answer and errors, no notes.")
    var quiet = false

    /// Where the answer goes, and in which form.
    var printer: Printer { Printer(format: output ?? .usual, isQuiet: quiet) }

    /// Runs `body` with a client of the server, and closes its connections afterwards.
    func withServer<Result>(_ body: (AdminClient) async throws -> Result) async throws -> Result {
        let environment = ProcessInfo.processInfo.environment
        let profile = try Profile.find(server: server, environment: environment)
        for file in profile.exposedFiles {
            printer.note("others can read \(file): take all permissions from group and others")
        }
        let file = ca ?? environment["LEGATE_CA_FILE"].flatMap { $0.isEmpty ? nil : $0 }
        return try await Transport.with(certificateAuthority: file) { transport in
            try await body(AdminClient(profile: profile, transport: transport))
        }
    }
}

/// How much of a list is wanted.
struct ListOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How many at most (default 1000).", valueName: "n"))
    var limit: Int?

    @Option(help: ArgumentHelp("Go on where an earlier list ended: its `next`.", valueName: "cursor"))
    var cursor: String?

    static let usual = 1000

    func validate() throws {
        if let limit, !(1...1_000_000).contains(limit) {
            throw ValidationError("--limit must be 1 to 1000000")
        }
    }
}
