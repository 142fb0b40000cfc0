import ArgumentParser
import Foundation
import JOSE
import OAuth
import Vault

/// `legate secret import`
struct SecretImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Put many secrets from a file on standard input: a .env file, JSON, or secrets of OpenBao.",
        discussion: """
            All of it is put, or nothing. A secret that is there already with another value is refused, unless \
            --overwrite says that it gets a new version. --dry-run shows what would happen.

            JSON is {"name": "value"}; objects within are folders. Of OpenBao's KV version 2, each secret is what \
            bao kv get -format=json prints, behind its path: {"payments/stripe": …}, one after the other.

            Example:
              legate secret import --prefix payments --reader billing-agent --dry-run < .env
              legate secret import --prefix payments --reader billing-agent < .env
              for name in stripe paypal; do
                printf '{"payments/%s":' $name; bao kv get -format=json secret/payments/$name; echo '}'
              done | legate secret import --format openbao
            """
    )

    @Option(help: "env, json or openbao.")
    var format: ImportFormat = .env

    @Option(help: ArgumentHelp("What all names begin with: payments makes payments/NAME.", valueName: "path"))
    var prefix: String?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Clients that may read what is made new (nobody).", valueName: "client-id"))
    var reader: [String] = []

    @Flag(help: "Secrets that are there with another value get a new version.")
    var overwrite = false

    @Flag(help: "Only show what would happen.")
    var dryRun = false

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if let prefix, SecretName(prefix) == nil {
            throw ValidationError("--prefix must be a path: \(SecretName.form)")
        }
    }

    func run() async throws {
        let file = format.read(try Files.read("-"), prefix: prefix)
        guard file.problems.isEmpty else {
            throw CommandFailure("nothing was put: " + file.problems.map(\.description).joined(separator: "; "))
        }
        guard !file.secrets.isEmpty else { throw CommandFailure("standard input holds no secrets") }
        let answer = try await connection.withServer { try await bring(file, to: $0) }
        try connection.printer.print(answer)
    }

    /// Asks first what would happen to all of it, when it is more than one request can hold: a refusal of the last part
    /// must not come after the first is in.
    private func bring(_ file: ImportFile, to server: AdminClient) async throws -> Answer {
        let orders = ImportOrder.all(of: file, readers: reader, overwrites: overwrite)
        var steps: [JSON] = []
        if dryRun || orders.count > 1 {
            for order in orders { steps += try await send(order, isDryRun: true, to: server) }
        }
        if !dryRun, !steps.contains(where: Self.isRefused) {
            steps = []
            for order in orders { steps += try await send(order, isDryRun: false, to: server) }
        }
        let refused = steps.filter(Self.isRefused).count
        let skipped = file.skipped.map { "\n  skipped: \($0)" }.joined()
        return Answer(
            .object(["applied": .bool(!dryRun && refused == 0), "items": .array(steps)]),
            text: Table.list(steps, Self.columns),
            note: (dryRun
                ? "a dry run: nothing was put" : refused == 0 ? "all of it is in the vault" : "nothing was put")
                + skipped,
            failure: refused == 0 ? nil : "\(refused) of \(steps.count) are refused"
        )
    }

    private static let columns: [Table.Column] = [
        .init("NAME", "name"), .init("ACTION", "action"), .init("VERSION", "version"), .init("REASON", "reason"),
    ]

    private static func isRefused(_ step: JSON) -> Bool {
        step.object?["action"]?.string == ImportStep.Action.refused.rawValue
    }

    private func send(_ order: ImportOrder, isDryRun: Bool, to server: AdminClient) async throws -> [JSON] {
        var body = order.document
        body["dry_run"] = .bool(isDryRun)
        guard let items = try await server.vault("POST", "import", body: body).object?["items"]?.array else {
            throw CommandFailure("\(server.profile.server) did not answer with what it did")
        }
        return items
    }
}

/// A part of an import that fits one request.
struct ImportOrder {
    let document: JSONObject

    /// Bytes of values in one request: what the server takes, less what JSON adds.
    private static let mostBytes = 4 << 20

    static func all(of file: ImportFile, readers: [String], overwrites: Bool) -> [ImportOrder] {
        var orders: [ImportOrder] = []
        var items: [JSON] = []
        var bytes = 0
        func finish() {
            if items.isEmpty { return }
            orders.append(
                ImportOrder(document: [
                    "secrets": .array(items), "readers": .array(readers.map(JSON.string)),
                    "overwrite": .bool(overwrites),
                ])
            )
            (items, bytes) = ([], 0)
        }
        for secret in file.secrets {
            if items.count == SecretImport.mostItems || bytes + secret.value.count > mostBytes { finish() }
            bytes += secret.value.count
            items.append(
                .object([
                    "name": .string(secret.name.text),
                    "value_base64": .string(secret.value.withBytes { Data($0).base64EncodedString() }),
                ])
            )
        }
        finish()
        return orders
    }
}
