import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
package import OAuth

/// The way out of the house: fetches key sets that operators and clients named, and nothing that they could be lured to.
///
/// The host is resolved once and every address checked; the connection goes to a checked address. No redirect is
/// followed, no credential sent, time and size are bounded.
package struct GuardedFetcher: Fetcher {
    /// Loopback may be fetched from only when Legate itself is on loopback.
    private let allowsLoopback: Bool

    /// For everything together: resolving, connecting, reading.
    private static let timeLimit = Duration.seconds(3)

    package init(allowsLoopback: Bool) { self.allowsLoopback = allowsLoopback }

    package func fetch(_ url: String, allowPrivate: Bool, maximumBytes: Int) async throws(FetchError) -> [UInt8] {
        guard let target = URIReference(url), target.isAcceptableForTokens else {
            throw FetchError("only https URLs without user info and fragment are fetched")
        }
        // Shorthand numbers such as 127.1 or 2130706433 resolve, but are never what an operator means.
        guard !Self.looksLikeShorthand(target.host) else { throw FetchError("the host is a number in an unusual form") }
        do {
            return try await Self.withinTimeLimit {
                let addresses = try await resolve(target)
                for address in addresses { try check(address, allowPrivate: allowPrivate) }
                guard let address = addresses.first else { throw FetchError("the host cannot be resolved") }
                return try await get(url, host: target.host, at: address, maximumBytes: maximumBytes)
            }
        } catch let error as FetchError {
            throw error
        } catch {
            throw FetchError("\(error)")
        }
    }

    private static func withinTimeLimit(
        _ work: @escaping @Sendable () async throws -> [UInt8]
    ) async throws -> [UInt8] {
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            group.addTask { try await work() }
            group.addTask {
                try await Task.sleep(for: timeLimit)
                throw FetchError("the document did not arrive within \(timeLimit)")
            }
            defer { group.cancelAll() }
            return try await group.next() ?? []
        }
    }

    private func check(_ address: IPAddress, allowPrivate: Bool) throws(FetchError) {
        switch address.reach {
        case .global: return
        case .loopback where allowsLoopback || allowPrivate: return
        case .privateNetwork where allowPrivate: return
        case .privateNetwork: throw FetchError("the host is on a private network, which the operator did not allow")
        case .loopback, .special: throw FetchError("the host is at an address that is never fetched from")
        }
    }

    /// Asks the system's resolver, on a thread that may block.
    private func resolve(_ target: URIReference) async throws -> [IPAddress] {
        try await NIOThreadPool.singleton.runIfActive { try SystemAddresses.all(of: target.host) }
    }

    /// All digits, dots and hex marks, but not four plain numbers.
    static func looksLikeShorthand(_ host: String) -> Bool {
        if host.contains(":") { return false }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        guard let last = labels.last, let first = last.utf8.first, (0x30...0x39).contains(first) else { return false }
        let isPlain =
            labels.count == 4
            && labels.allSatisfy { label in
                label.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt8(label) != nil
                    && (label == "0" || !label.hasPrefix("0"))
            }
        return !isPlain
    }

    private func get(_ url: String, host: String, at address: IPAddress, maximumBytes: Int) async throws -> [UInt8] {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.dnsOverride = [host: address.text]
        configuration.timeout = .init(connect: .seconds(3), read: .seconds(3))
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let bytes = try await read(url, with: client, maximumBytes: maximumBytes)
            try await client.shutdown()
            return bytes
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    private func read(_ url: String, with client: HTTPClient, maximumBytes: Int) async throws -> [UInt8] {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "Accept", value: "application/jwk-set+json, application/json")
        let response = try await client.execute(request, timeout: .seconds(3))
        guard response.status == .ok else { throw FetchError("the answer is \(response.status.code), not 200") }
        var bytes: [UInt8] = []
        for try await part in response.body {
            guard bytes.count + part.readableBytes <= maximumBytes else {
                throw FetchError("the document is larger than \(maximumBytes) bytes")
            }
            bytes.append(contentsOf: part.readableBytesView)
        }
        return bytes
    }
}
