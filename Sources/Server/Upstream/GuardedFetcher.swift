import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOSSL
package import OAuth

/// The way out of the house: fetches key sets that operators and clients named, and nothing that they could be lured
/// to.
///
/// The host is resolved once and every address checked; the connection goes to a checked address, while the
/// certificate is checked against the name. No redirect is followed, no credential sent, nothing decompressed, and time
/// and size are bounded whatever the other side does.
package struct GuardedFetcher: Fetcher {
    /// Loopback may be fetched from only when Legate itself is on loopback.
    let allowsLoopback: Bool
    /// For everything together: resolving, connecting, reading to the last byte.
    private let timeLimit: Duration
    private let resolver: HostResolver
    /// Files that may be named as keys; nil when there are none.
    let trust: TrustDirectory?

    /// Addresses of one host that are tried, one after the other.
    private static let attempts = 3

    /// - Parameter trustDirectory: the path of the directory whose files may be named as keys of others.
    package init(allowsLoopback: Bool, trustDirectory: String? = nil) {
        self.init(
            allowsLoopback: allowsLoopback, resolver: HostResolver(),
            trust: trustDirectory.map { TrustDirectory(path: $0) }
        )
    }

    init(
        allowsLoopback: Bool, timeLimit: Duration = .seconds(3), resolver: HostResolver, trust: TrustDirectory? = nil
    ) {
        self.allowsLoopback = allowsLoopback
        self.timeLimit = timeLimit
        self.resolver = resolver
        self.trust = trust
    }

    package func fetch(_ url: String, allowPrivate: Bool, maximumBytes: Int) async throws(FetchError) -> [UInt8] {
        try await fetch(url, allowPrivate: allowPrivate, maximumBytes: maximumBytes, with: nil)
    }

    /// - Parameter access: what it takes to be answered, when the host is one that not everybody may ask.
    func fetch(
        _ url: String, allowPrivate: Bool, maximumBytes: Int, with access: Access?
    ) async throws(FetchError) -> [UInt8] {
        // A host that the operator allowed may also be this machine.
        let target = try FetchTarget(url, allowsLoopback: allowsLoopback || allowPrivate)
        guard access == nil || !target.isPlain else { throw FetchError("an authority can vouch only for an https URL") }
        return try await ask(
            target, allowPrivate: allowPrivate, within: timeLimit, late: "the document did not arrive",
            failed: "the document could not be fetched"
        ) { addresses in
            try await read(target, at: addresses, maximumBytes: maximumBytes, with: access)
        }
    }

    /// Resolves a host, checks its addresses and speaks to it there, all within a time.
    ///
    /// - Parameters:
    ///   - late: what is said when the time is over.
    ///   - failed: what is said of every failure that does not speak for itself.
    func ask<Answer: Sendable>(
        _ target: FetchTarget, allowPrivate: Bool, within limit: Duration, late: String, failed: String,
        _ speak: @escaping @Sendable ([IPAddress]) async throws -> Answer
    ) async throws(FetchError) -> Answer {
        do {
            return try await withThrowingTaskGroup(of: Answer.self) { group in
                group.addTask {
                    let addresses = try await checkedAddresses(of: target, allowPrivate: allowPrivate)
                    return try await speak(addresses)
                }
                group.addTask {
                    try await Task.sleep(for: limit)
                    throw FetchError("\(late) within \(limit)")
                }
                defer { group.cancelAll() }
                guard let answer = try await group.next() else { throw CancellationError() }
                return answer
            }
        } catch let error as FetchError {
            throw error
        } catch {
            throw FetchError("\(failed): \(String("\(error)".prefix(256)))")
        }
    }

    /// One address that must not be reached is enough to refuse the host: a name that also has a private address is not
    /// to be trusted.
    func checkedAddresses(of target: FetchTarget, allowPrivate: Bool) async throws -> [IPAddress] {
        let addresses: [IPAddress]
        if let literal = target.literal {
            addresses = [literal]
        } else {
            addresses = try await resolver.addresses(of: target.host)
        }
        guard !addresses.isEmpty else { throw FetchError("the host cannot be resolved") }
        for address in addresses { try check(address, of: target, allowPrivate: allowPrivate) }
        return addresses
    }

    private func check(_ address: IPAddress, of target: FetchTarget, allowPrivate: Bool) throws {
        switch address.reach {
        case .loopback where allowsLoopback || allowPrivate: return
        case .global where !target.isPlain: return
        case .privateNetwork where !target.isPlain && allowPrivate: return
        case .privateNetwork where !target.isPlain:
            throw FetchError("the host is on a private network, which the operator did not allow")
        case .global, .privateNetwork, .loopback, .special:
            throw FetchError("the host is at an address that is never fetched from")
        }
    }

    private func read(
        _ target: FetchTarget, at addresses: [IPAddress], maximumBytes: Int, with access: Access?
    ) async throws -> [UInt8] {
        var failure: any Error = CancellationError()
        for address in addresses.prefix(Self.attempts) {
            try Task.checkCancellation()
            let client = client(
                for: target, at: address, isOnly: addresses.count == 1, authorities: access?.authorities
            )
            // Fetching is over when the bytes are here; a connection may take longer to say goodbye.
            defer { Task { try? await client.shutdown() } }
            let response: HTTPClientResponse
            do {
                let request = Self.request(target, authorization: access?.authorization)
                response = try await client.execute(request, deadline: .now() + .seconds(60))
            } catch {
                failure = error
                continue
            }
            return try await Self.document(in: response, maximumBytes: maximumBytes)
        }
        throw failure
    }

    /// A client that connects to this one address and resolves nothing.
    func client(
        for target: FetchTarget, at address: IPAddress, isOnly: Bool, authorities: [NIOSSLCertificate]? = nil
    ) -> HTTPClient {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        if target.literal == nil { configuration.dnsOverride = [target.host: address.text] }
        // Leaves time for the next address.
        configuration.timeout = .init(connect: isOnly ? .seconds(60) : .seconds(1))
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        configuration.decompression = .disabled
        if let authorities {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.minimumTLSVersion = .tlsv12
            tls.trustRoots = .certificates(authorities)
            configuration.tlsConfiguration = tls
        }
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    private static func request(_ target: FetchTarget, authorization: String?) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: target.url)
        request.headers.add(name: "Accept", value: "application/json, application/jwk-set+json")
        request.headers.add(name: "Connection", value: "close")
        if let authorization { request.headers.add(name: "Authorization", value: authorization) }
        return request
    }

    private static func document(in response: HTTPClientResponse, maximumBytes: Int) async throws -> [UInt8] {
        switch response.status.code {
        case 200: return try await body(of: response, as: "document", maximumBytes: maximumBytes)
        case 300..<400: throw FetchError("the answer is a redirect, which is not followed")
        default: throw FetchError("the answer is \(response.status.code), not 200")
        }
    }

    /// The bytes of an answer, neither compressed nor more than may be.
    ///
    /// - Parameter name: what it is called when it is refused.
    static func body(of response: HTTPClientResponse, as name: String, maximumBytes: Int) async throws -> [UInt8] {
        guard response.headers["content-encoding"].allSatisfy({ $0.lowercased() == "identity" }) else {
            throw FetchError("the \(name) is compressed, which was not asked for")
        }
        var bytes: [UInt8] = []
        for try await part in response.body {
            guard part.readableBytes <= maximumBytes - bytes.count else {
                throw FetchError("the \(name) is larger than \(maximumBytes) bytes")
            }
            bytes.append(contentsOf: part.readableBytesView)
        }
        // A cancelled stream ends early, as if it were complete.
        try Task.checkCancellation()
        return bytes
    }
}
