import AsyncHTTPClient
import NIOCore
import NIOHTTP1
package import OAuth
import Vault

/// Forms go out through the same guards as fetches: the client credentials in them reach the address that was checked,
/// behind the name that was registered, and nobody to whom a redirect might point.
extension GuardedFetcher {
    /// For everything together: resolving, connecting, the whole answer. Shorter than what a server waits that is being
    /// sealed or ended, so that a provider's answer can still be kept.
    static let postTimeLimit = Duration.seconds(4)

    package func post(
        _ form: FormPost, allowPrivate: Bool, maximumBytes: Int
    ) async throws(FetchError) -> FormAnswer {
        let target = try FetchTarget(form.url, allowsLoopback: allowsLoopback || allowPrivate)
        do {
            return try await withThrowingTaskGroup(of: FormAnswer.self) { group in
                group.addTask {
                    let addresses = try await checkedAddresses(of: target, allowPrivate: allowPrivate)
                    return try await send(form, to: target, at: addresses, maximumBytes: maximumBytes)
                }
                group.addTask {
                    try await Task.sleep(for: Self.postTimeLimit)
                    throw FetchError("there was no answer within \(Self.postTimeLimit)")
                }
                defer { group.cancelAll() }
                guard let answer = try await group.next() else { throw CancellationError() }
                return answer
            }
        } catch let error as FetchError {
            throw error
        } catch {
            throw FetchError("the form could not be sent: \(String("\(error)".prefix(256)))")
        }
    }

    private func send(
        _ form: FormPost, to target: FetchTarget, at addresses: [IPAddress], maximumBytes: Int
    ) async throws -> FormAnswer {
        // One address: what may have arrived is not sent to the next. A code and a rotated token are good once.
        guard let address = addresses.first else { throw FetchError("the host cannot be resolved") }
        let client = client(for: target, at: address, isOnly: true)
        defer { Task { try? await client.shutdown() } }
        var request = HTTPClientRequest(url: target.url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: ContentType.form)
        request.headers.add(name: "Accept", value: ContentType.json)
        request.headers.add(name: "Connection", value: "close")
        form.authorization?.withBytes { bytes in
            request.headers.add(name: "Authorization", value: String(decoding: bytes, as: UTF8.self))
        }
        request.body = form.body.withBytes { .bytes(ByteBuffer(bytes: $0)) }
        let response = try await client.execute(request, deadline: .now() + .seconds(60))
        let status = Int(response.status.code)
        guard !(300..<400).contains(status) else { throw FetchError("the answer is a redirect, which is not followed") }
        guard response.headers["content-encoding"].allSatisfy({ $0.lowercased() == "identity" }) else {
            throw FetchError("the answer is compressed, which was not asked for")
        }
        var bytes: [UInt8] = []
        for try await part in response.body {
            guard part.readableBytes <= maximumBytes - bytes.count else {
                throw FetchError("the answer is larger than \(maximumBytes) bytes")
            }
            bytes.append(contentsOf: part.readableBytesView)
        }
        try Task.checkCancellation()
        return FormAnswer(status: status, body: bytes)
    }
}
