import ArgumentParser
import Server

/// How many connections the server takes, and how patient it is with them.
struct LoadSettings: Sendable {
    let limits: ConnectionLimits

    /// Fewer could not serve the gateways of a small installation.
    private static let connections = 16...1_000_000

    static let options: [LegateConfiguration.Option] = [
        .init(
            name: "max-connections", valueName: "N", fallback: String(ConnectionLimits.defaultConnections),
            help:
                "Connections that are open at once, 16 to 1000000. At the limit the idlest are closed, and whoever is being answered stays. Fewer when the system allows fewer open files."
        ),
        .init(
            name: "max-connections-per-address", valueName: "N", fallback: nil,
            help:
                "The same for one IPv4 address, or one IPv6 network of 64 bits. The default is three quarters of all, for many may come through one proxy."
        ),
        .init(
            name: "head-timeout", valueName: "DURATION", fallback: "\(ConnectionLimits.defaultHeadSeconds)s",
            help:
                "How long the head of a request, or the handshake before the first one, may take, 1 s to 30 s."
        ),
        .init(
            name: "idle-timeout", valueName: "DURATION", fallback: "\(ConnectionLimits.defaultIdleSeconds)s",
            help: "How long a connection may rest between two requests, 1 s to 1 hour."
        ),
    ]

    /// - Parameter text: the value of an option.
    /// - Throws: `ConfigurationError` naming the option.
    init(_ text: (String) -> String?) throws {
        let connections = try Self.count("max-connections", in: Self.connections, text)
        limits = ConnectionLimits(
            connections: connections ?? ConnectionLimits.defaultConnections,
            perAddress: try Self.count("max-connections-per-address", in: 1...Self.connections.upperBound, text),
            headSeconds: try Self.seconds("head-timeout", in: 1...30, "must be a duration from 1s to 30s", text),
            idleSeconds: try Self.seconds("idle-timeout", in: 1...3600, "must be a duration from 1s to 1h", text)
        )
    }

    private static func count(
        _ option: String, in range: ClosedRange<Int>, _ text: (String) -> String?
    ) throws -> Int? {
        guard let value = text(option) else { return nil }
        guard let count = Int(value), range.contains(count) else {
            throw ConfigurationError(option, "must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return count
    }

    private static func seconds(
        _ option: String, in range: ClosedRange<Int>, _ accepted: String, _ text: (String) -> String?
    ) throws -> Int {
        guard let seconds = DurationArgument(argument: text(option) ?? "")?.seconds, range.contains(seconds) else {
            throw ConfigurationError(option, accepted)
        }
        return seconds
    }
}

/// The same on the command line.
struct LoadOptions: ParsableArguments {
    @Option(help: "Connections that are open at once; at the limit the idlest are closed.")
    var maxConnections: String?

    @Option(help: "The same for one address.")
    var maxConnectionsPerAddress: String?

    @Option(help: "How long the head of a request may take, such as 20s.")
    var headTimeout: String?

    @Option(help: "How long a connection may rest between two requests, such as 75s.")
    var idleTimeout: String?

    var values: [String: String?] {
        [
            "max-connections": maxConnections, "max-connections-per-address": maxConnectionsPerAddress,
            "head-timeout": headTimeout, "idle-timeout": idleTimeout,
        ]
    }
}
