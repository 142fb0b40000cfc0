import ArgumentParser
import Foundation

/// The command line. Every command but `init` and `serve` is an ordinary client of a running server.
@main
struct Legate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "legate",
        abstract: "An OAuth 2.1 authorization server and token vault for AI agents.",
        discussion: """
            Example:
              legate init --data ./data
              legate serve --data ./data
              legate demo

            The other commands talk to a running server as an OAuth client. LEGATE_PROFILE names the file with the \
            credentials; without it LEGATE_SERVER, LEGATE_CLIENT_ID and LEGATE_CLIENT_SECRET count, then \
            ./data/admin.json. Exit codes: 0 done, 1 refused or failed, 2 usage.
            """,
        subcommands: [
            Init.self, Serve.self, Demo.self,
            SecretCommand.self, ConnectionCommand.self, ResourceCommand.self, ClientCommand.self, IssuerCommand.self,
            DelegationCommand.self,
            TokenCommand.self, TaskCommand.self, Revoke.self, Revocations.self, ReceiverCommand.self, KeyCommand.self,
            VaultCommand.self,
            AuditCommand.self, GatewayCommand.self,
        ]
    )

    static func main() async {
        do {
            var command = try await asyncParseAsRoot(nil)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            Outcome(of: error).leave()
        }
    }
}

/// How the process ends after an error: what it says, where, and with which exit code.
struct Outcome: Equatable {
    /// 0 done, 1 refused or failed, 2 usage.
    let code: Int32
    let text: String

    init(code: Int32, text: String) {
        self.code = code
        self.text = text
    }

    init(of error: any Error) {
        switch error {
        case is OutputClosed:
            (code, text) = (1, "")
        case let code as ExitCode:
            (self.code, text) = (code.rawValue, "")
        default:
            switch Legate.exitCode(for: error) {
            case .success: (code, text) = (0, Legate.fullMessage(for: error))
            case .validationFailure: (code, text) = (2, Legate.fullMessage(for: error))
            default: (code, text) = (1, "legate: \(Self.oneLine(error))")
            }
        }
    }

    func leave() -> Never {
        if !text.isEmpty {
            let stream = code == 0 ? FileHandle.standardOutput : FileHandle.standardError
            try? stream.write(contentsOf: Data((text + "\n").utf8))
        }
        exit(code)
    }

    private static func oneLine(_ error: any Error) -> String {
        Printable.text("\(error)").split(separator: "\n", omittingEmptySubsequences: true).joined(separator: " ")
    }
}

/// A refusal or failure, in one sentence.
struct CommandFailure: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
