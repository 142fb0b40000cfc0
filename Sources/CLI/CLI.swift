import ArgumentParser
import Foundation

@main
struct Legate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "legate", abstract: "An authorization server and token vault for AI agents.",
        subcommands: [Init.self, Serve.self]
    )
}
