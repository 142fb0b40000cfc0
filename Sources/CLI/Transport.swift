import AsyncHTTPClient
import Foundation
import JOSE
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// HTTP as the commands need it: one request, one answer. Redirects are never followed: they would carry credentials
/// to where nobody sent them.
struct Transport: Sendable {
    private let client: HTTPClient

    /// One answer, in memory.
    struct Answer: Sendable {
        let status: Int
        let eTag: String?
        /// Seconds that the server asks to wait (RFC 9110, 10.2.3).
        var retryAfter: Int?
        let bytes: [UInt8]
        /// For the next DPoP proof (RFC 9449, 8.2).
        var nonce: String?
    }

    /// The body of a request with its media type.
    struct Body: Sendable {
        let type: String
        let bytes: [UInt8]

        static func form(_ pairs: [(name: String, value: String)]) -> Body {
            Body(type: "application/x-www-form-urlencoded", bytes: Array(FormText.encode(pairs).utf8))
        }
    }

    /// Bytes of the greatest answer that is held in memory.
    private static let greatestAnswer = 256 << 20
    /// Seconds without a byte before a request is given up. Checking a long audit trail takes its time.
    private static let patience: Int64 = 600

    /// Runs `body` with a transport of its own, and closes its connections afterwards.
    ///
    /// - Parameter certificateAuthority: a PEM file with certificates to trust besides those of the system.
    static func with<Result>(
        certificateAuthority: String?, _ body: (Transport) async throws -> Result
    ) async throws -> Result {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let certificateAuthority {
            guard let bytes = Files.contents(certificateAuthority) else {
                throw CommandFailure(
                    "cannot read \(certificateAuthority): --ca or LEGATE_CA_FILE must name a PEM file"
                )
            }
            do {
                tls.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMBytes(bytes))]
            } catch {
                throw CommandFailure("\(certificateAuthority) holds no certificates in PEM form")
            }
        }
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.timeout = .init(connect: .seconds(10), read: .seconds(patience))
        // A person who waits wants to hear at once that nobody listens.
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(configuration: configuration)
        let result: Result
        do {
            result = try await body(Transport(client: client))
        } catch {
            try? await client.shutdown()
            throw error
        }
        try await client.shutdown()
        return result
    }

    func send(
        _ method: String, _ url: String, headers: [(name: String, value: String)] = [], body: Body? = nil
    ) async throws -> Answer {
        let response = try await respond(method, url, headers: headers, body: body)
        do {
            return Answer(
                status: Int(response.status.code), eTag: response.headers.first(name: "ETag"),
                retryAfter: response.headers.first(name: "Retry-After").flatMap { Int($0) },
                bytes: Array(try await response.body.collect(upTo: Self.greatestAnswer).readableBytesView),
                nonce: response.headers.first(name: "DPoP-Nonce")
            )
        } catch {
            throw ServerUnreachable(url: url, error)
        }
    }

    /// Sends a request and hands over the body of its answer piece by piece when the status is 200.
    ///
    /// - Returns: the answer; its body is empty when it was handed over.
    func stream(
        _ url: String, method: String = "GET", headers: [(name: String, value: String)],
        _ take: ([UInt8]) throws -> Void
    ) async throws -> Answer {
        let response = try await respond(method, url, headers: headers, body: nil)
        var rest: [UInt8] = []
        var pieces = response.body.makeAsyncIterator()
        while true {
            let piece: ByteBuffer?
            do {
                piece = try await pieces.next()
            } catch {
                throw ServerUnreachable(url: url, error)
            }
            guard let piece else { break }
            if response.status == .ok {
                try take(Array(piece.readableBytesView))
            } else {
                rest += piece.readableBytesView
            }
            guard rest.count <= Self.greatestAnswer else {
                throw CommandFailure("the answer of the server is too long")
            }
        }
        return Answer(
            status: Int(response.status.code), eTag: nil, bytes: rest,
            nonce: response.headers.first(name: "DPoP-Nonce")
        )
    }

    private func respond(
        _ method: String, _ url: String, headers: [(name: String, value: String)], body: Body?
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: url)
        request.method = HTTPMethod(rawValue: method)
        request.headers.add(name: "User-Agent", value: "legate")
        for header in headers { request.headers.add(name: header.name, value: header.value) }
        if let body {
            request.headers.add(name: "Content-Type", value: body.type)
            request.body = .bytes(ByteBuffer(bytes: body.bytes))
        }
        do {
            return try await client.execute(request, timeout: .seconds(Self.patience))
        } catch {
            throw ServerUnreachable(url: url, error)
        }
    }
}

/// The server did not answer, or broke off.
struct ServerUnreachable: Error, CustomStringConvertible {
    let description: String

    init(url: String, _ error: any Error) {
        let server = url.split(separator: "/", maxSplits: 3).prefix(2).joined(separator: "//")
        description = "cannot reach \(server): \(Self.reason(error))"
    }

    private static func reason(_ error: any Error) -> String {
        if let failure = error as? NIOConnectionError {
            guard failure.dnsAError == nil || failure.dnsAAAAError == nil else { return "the host is not known" }
            return failure.connectionErrors.first.map { reason($0.error) } ?? "no connection"
        }
        if let failure = error as? IOError {
            switch failure.errnoCode {
            case ECONNREFUSED: return "connection refused"
            case ECONNRESET: return "connection reset"
            case EHOSTUNREACH, ENETUNREACH: return "there is no route to it"
            case ETIMEDOUT: return "it does not answer"
            default: return "\(failure)"
            }
        }
        let text = "\(error)"
        return text.contains("CERTIFICATE_VERIFY_FAILED")
            ? "its certificate is not trusted; --ca names a private CA" : text
    }
}
