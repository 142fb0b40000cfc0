import NIOCore
import OAuth

/// Where a connection comes from.
enum PeerAddress {
    /// The address without port; `local` when there is none.
    static func of(_ channel: any Channel) -> String { channel.remoteAddress?.ipAddress ?? "local" }

    /// The addresses that count as one with it.
    static func network(of channel: any Channel) -> String { PeerNetwork.of(of(channel)) }
}
