import Configuration
import Foundation
import JOSE
import OAuth

/// What `init` and `serve` need to know, read once: flags before environment before file. Validated here, then handed
/// down as values.
struct LegateConfiguration: Sendable {
    let data: String
    /// Nil when nobody named one: then what the data directory was made with counts.
    let issuer: IssuerURL?
    let host: String
    let port: Int
    let rootKey: String
    /// Nil when no file is named; the passphrase may come otherwise.
    let passphraseFile: String?
    /// The directory whose files may be named as keys of trusted issuers.
    let trustFiles: String
    let tlsCertificate: String?
    let tlsKey: String?
    let mutualTLS: MutualTLSSettings
    let load: LoadSettings
    let auditRetention: AuditRetention
    /// Seconds.
    let statusListTTL: Int
    /// Seconds for which a key signs; nil when keys change by hand alone.
    let keyRotation: Int?
    /// Whether DPoP proofs for `/token` and Legate's own APIs have to carry a nonce.
    let wantsDPoPNonce: Bool

    static let defaultIssuer = "http://127.0.0.1:8080"

    /// One option: the same word as flag, environment variable and member of the file.
    struct Option: Sendable {
        let name: String
        let valueName: String
        let fallback: String?
        let help: String

        var environment: String { "LEGATE_" + name.uppercased().replacing("-", with: "_") }
    }

    /// In the order of the reference page.
    static let options: [Option] = whereAndWith + MutualTLSSettings.options + LoadSettings.options + howLong

    private static let whereAndWith = [
        Option(
            name: "data", valueName: "DIR", fallback: "./data",
            help: "The data directory: database, audit archives, `admin.json`."),
        Option(
            name: "issuer", valueName: "URL", fallback: defaultIssuer,
            help: "The issuer identifier. `https`, or `http` on loopback. It is fixed when the data directory is made."
        ),
        Option(
            name: "listen", valueName: "HOST:PORT", fallback: "127.0.0.1:8080",
            help: "Where to listen. Port 0 picks a free one."),
        Option(
            name: "root-key", valueName: "FILE", fallback: "./Keys/root.key",
            help: "The root key: 32 bytes as base64url, mode 0600. Made when absent."),
        Option(
            name: "passphrase-file", valueName: "FILE", fallback: nil,
            help:
                "A file whose first line is the passphrase that opens the vault, instead of a root key file. Without it the server starts sealed."
        ),
        Option(
            name: "trust-files", valueName: "DIR", fallback: "./Keys/trust",
            help:
                "The directory whose files operators may name as keys of trusted issuers: key sets, SPIFFE bundles, the authority and token of a Kubernetes cluster."
        ),
        Option(
            name: "tls-certificate", valueName: "FILE", fallback: nil,
            help: "PEM certificate chain. With `tls-key` the listener is TLS only."),
        Option(name: "tls-key", valueName: "FILE", fallback: nil, help: "PEM private key of the certificate."),
    ]

    private static let howLong = [
        Option(
            name: "audit-retention-age", valueName: "DURATION", fallback: "90d",
            help: "Audit records older than this move from the database to compressed archives. `never` keeps them."
        ),
        Option(
            name: "audit-retention-records", valueName: "N", fallback: "2000000",
            help:
                "How many audit records the database keeps at most; older ones move to archives. `unlimited` for no limit."
        ),
        Option(
            name: "key-rotation", valueName: "DURATION", fallback: "24h",
            help:
                "For how long a signing key signs, 15 minutes to a year; its successor is published six minutes before. `never` leaves it to `legate key rotate`."
        ),
        Option(
            name: "status-list-ttl", valueName: "DURATION", fallback: "10s",
            help: "For how long a gateway may keep a status list, 1 s to 5 minutes: as long it may miss a revocation."
        ),
        Option(
            name: "dpop-nonce", valueName: "WHEN", fallback: "optional",
            help:
                "Whether a DPoP proof for `/token`, `/admin`, `/vault` and the revocation feed has to carry a nonce: `required` or `optional`. Other resources have the setting `dpop_nonce`."
        ),
    ]

    /// Reads the options.
    ///
    /// - Parameters:
    ///   - flags: what the command line set, by option name.
    ///   - file: a JSON file with the same names, if there is one.
    /// - Throws: `ConfigurationError` naming the field.
    static func read(
        flags: [String: String], environment: [String: String] = ProcessInfo.processInfo.environment, file: String?
    ) async throws -> LegateConfiguration {
        var ours: [String: String] = [:]
        for (name, value) in environment where name.hasPrefix("LEGATE_") { ours[String(name.dropFirst(7))] = value }
        var providers: [any ConfigProvider] = [
            InMemoryProvider(name: "flags", values: values(flags)),
            EnvironmentVariablesProvider(environmentVariables: ours),
        ]
        if let file {
            providers.append(InMemoryProvider(name: "file", values: values(try options(in: file))))
        }
        return try LegateConfiguration(ConfigReader(providers: providers))
    }

    private static func values(_ options: [String: String]) -> [AbsoluteConfigKey: ConfigValue] {
        Dictionary(
            uniqueKeysWithValues: options.map { (AbsoluteConfigKey([$0.key]), ConfigValue(stringLiteral: $0.value)) }
        )
    }

    /// The members of a configuration file: texts and whole numbers, each the name of an option.
    private static func options(in file: String) throws -> [String: String] {
        guard let data = FileManager.default.contents(atPath: file),
            let object = try? JSON(parsing: [UInt8](data)).object
        else { throw ConfigurationError("config", "cannot be read as a JSON object: \(file)") }
        var found: [String: String] = [:]
        for member in object.members {
            guard options.contains(where: { $0.name == member.name }) else {
                throw ConfigurationError(member.name, "is not an option; see Docs/Configuration.md")
            }
            guard let text = member.value.string ?? member.value.integer.map({ String($0) }) else {
                throw ConfigurationError(member.name, "must be a text or a whole number")
            }
            found[member.name] = text
        }
        return found
    }

    private init(_ reader: ConfigReader) throws {
        func text(_ name: String) -> String? {
            let option = Self.options.first { $0.name == name }
            return reader.string(forKey: ConfigKey([name])).flatMap { $0.isEmpty ? nil : $0 } ?? option?.fallback
        }
        data = text("data") ?? "./data"
        rootKey = text("root-key") ?? "./Keys/root.key"
        passphraseFile = text("passphrase-file")
        if let named = reader.string(forKey: ConfigKey(["issuer"])) {
            guard let url = IssuerURL(named), !named.hasSuffix("/") else {
                throw ConfigurationError(
                    "issuer", "must be an https URL (http only on loopback) without query, fragment and final slash"
                )
            }
            issuer = url
        } else {
            issuer = nil
        }
        (host, port) = try Self.address(text("listen") ?? "", of: "listen")
        trustFiles = text("trust-files") ?? "./Keys/trust"
        tlsCertificate = text("tls-certificate")
        tlsKey = text("tls-key")
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw ConfigurationError(
                tlsKey == nil ? "tls-key" : "tls-certificate", "must be given together with the other")
        }
        mutualTLS = try MutualTLSSettings(hasCertificate: tlsCertificate != nil, text)
        load = try LoadSettings(text)
        auditRetention = AuditRetention(
            age: try Self.age(text("audit-retention-age") ?? ""),
            records: try Self.count(text("audit-retention-records") ?? "")
        )
        guard let ttl = DurationArgument(argument: text("status-list-ttl") ?? "")?.seconds, (1...300).contains(ttl)
        else { throw ConfigurationError("status-list-ttl", "must be a duration from 1s to 5m") }
        statusListTTL = ttl
        keyRotation = try Self.keyPeriod(text("key-rotation") ?? "")
        switch text("dpop-nonce") {
        case "required": wantsDPoPNonce = true
        case "optional": wantsDPoPNonce = false
        default: throw ConfigurationError("dpop-nonce", "must be required or optional")
        }
    }

    static func address(_ text: String, of option: String) throws -> (String, Int) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65535).contains(port)
        else { throw ConfigurationError(option, "must be HOST:PORT, such as 127.0.0.1:8080") }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else { throw ConfigurationError(option, "must be HOST:PORT, such as 127.0.0.1:8080") }
        return (host, port)
    }

    private static func age(_ text: String) throws -> Int? {
        if text == "never" { return nil }
        guard let seconds = DurationArgument(argument: text)?.seconds, seconds > 0 else {
            throw ConfigurationError("audit-retention-age", "must be a duration such as 90d, or never")
        }
        return seconds
    }

    private static func keyPeriod(_ text: String) throws -> Int? {
        if text == "never" { return nil }
        guard let seconds = DurationArgument(argument: text)?.seconds, KeySchedule.periods.contains(seconds) else {
            throw ConfigurationError("key-rotation", "must be a duration from 15m to 366d, such as 24h, or never")
        }
        return seconds
    }

    private static func count(_ text: String) throws -> Int64? {
        if text == "unlimited" { return nil }
        guard let count = Int64(text), count >= 1000 else {
            throw ConfigurationError("audit-retention-records", "must be a number of at least 1000, or unlimited")
        }
        return count
    }

    /// The reference page: `Docs/Configuration.md` is exactly this text, and a test compares them.
    static var reference: String {
        var page = """
            # Configuration

            `legate init` and `legate serve` read each option from the command line, else from the environment, else from
            the JSON file that `--config` names, else take the default. Everything else is registered through the admin API.

            | flag | environment | in the file | default | what it is |
            |---|---|---|---|---|

            """
        for option in options {
            let fallback = option.fallback.map { "`\($0)`" } ?? "none"
            page +=
                "| `--\(option.name) \(option.valueName)` | `\(option.environment)` | `\(option.name)` | \(fallback) | \(option.help) |\n"
        }
        page += """

            Bad configuration is refused at start, with the name of the field. A file looks like this:

            ```json
            {
              "issuer": "https://auth.example.com",
              "listen": "0.0.0.0:8443",
              "tls-certificate": "/etc/legate/tls.crt",
              "tls-key": "/etc/legate/tls.key",
              "root-key": "/etc/legate/root.key"
            }
            ```

            """
        return page
    }
}

/// A bad option: which, and what would be accepted.
struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    let field: String
    let reason: String

    init(_ field: String, _ reason: String) {
        self.field = field
        self.reason = reason
    }

    var description: String { "\(field): \(reason)" }
}
