import ArgumentParser
import JOSE

/// `legate secret`
struct SecretCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret",
        abstract: "The secrets of the vault: keep them, let agents use them, see who does.",
        discussion: """
            Example:
              legate secret put payments/stripe --from-file stripe.key --reader planner
              legate secret get payments/stripe --client planner \\
                  --secret-file planner.secret --task invoice-42
              legate secret leases payments/stripe
            """,
        subcommands: [
            SecretPut.self, SecretGet.self, SecretList.self, SecretShow.self, SecretVersions.self, SecretDelete.self,
            SecretUndelete.self, SecretDestroy.self, SecretRemove.self, SecretAllow.self, SecretDisallow.self,
            SecretLeases.self, SecretRevokeLease.self, SecretRotate.self, SecretUnwrap.self,
            SecretImportCommand.self, SecretPlant.self, SecretCanaries.self,
        ]
    )

    static let columns: [Table.Column] = [
        .init("NAME", "name"), .init("KIND", "kind"), .init("VERSION", "current_version"),
        .init("READERS") { secret in
            let rules = secret["rules"]?.array ?? []
            return rules.isEmpty ? "-" : rules.map(Self.who).joined(separator: " ")
        },
        .init("DESCRIPTION", "description"),
    ]

    /// Whom a rule lets in, in one word.
    private static func who(_ rule: JSON) -> String {
        let members = [rule.object?["client_id"]?.string, rule.object?["subject"]?.string]
        return members.compactMap { $0 }.joined(separator: "@")
    }
}
