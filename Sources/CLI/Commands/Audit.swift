import ArgumentParser

/// `legate audit`
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Who got what, why, and who allowed it.",
        discussion: """
            Example:
              legate audit list --client planner --decision deny --since 1h
              legate audit trace JTI
            """,
        subcommands: [AuditList.self, AuditTrace.self, AuditVerify.self, AuditExportCommand.self]
    )
}
