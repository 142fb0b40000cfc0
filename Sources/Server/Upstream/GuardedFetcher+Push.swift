import AsyncHTTPClient
import JOSE
import NIOCore
import NIOHTTP1
package import OAuth
package import Vault

/// Events go out through the same guards as fetches. The one credential that is sent is the receiver's own, to the
/// endpoint that it was registered for.
extension GuardedFetcher: EventCourier {
    /// For everything together: resolving, connecting, the whole answer.
    static let pushTimeLimit = Duration.seconds(5)
    /// Bytes of a refusal that are read.
    private static let answerLimit = 4096

    package func push(
        _ token: String, as mediaType: String, to endpoint: String, authorization: Secret?, allowPrivate: Bool
    ) async throws(FetchError) -> PushAnswer {
        let target = try FetchTarget(endpoint, allowsLoopback: allowsLoopback || allowPrivate)
        do {
            return try await withThrowingTaskGroup(of: PushAnswer.self) { group in
                group.addTask {
                    let addresses = try await checkedAddresses(of: target, allowPrivate: allowPrivate)
                    return try await post(
                        token, as: mediaType, to: target, at: addresses, authorization: authorization)
                }
                group.addTask {
                    try await Task.sleep(for: Self.pushTimeLimit)
                    throw FetchError("the receiver did not answer within \(Self.pushTimeLimit)")
                }
                defer { group.cancelAll() }
                guard let answer = try await group.next() else { throw CancellationError() }
                return answer
            }
        } catch let error as FetchError {
            throw error
        } catch {
            throw FetchError("the event could not be pushed: \(String("\(error)".prefix(256)))")
        }
    }

    private func post(
        _ token: String, as mediaType: String, to target: FetchTarget, at addresses: [IPAddress],
        authorization: Secret?
    ) async throws -> PushAnswer {
        // One address for one attempt: an event that may have arrived is not sent to the next at once.
        guard let address = addresses.first else { throw FetchError("the host cannot be resolved") }
        let client = client(for: target, at: address, isOnly: true)
        defer { Task { try? await client.shutdown() } }
        let response = try await client.execute(
            Self.request(token, as: mediaType, to: target, authorization: authorization),
            deadline: .now() + .seconds(60)
        )
        let status = Int(response.status.code)
        guard status == 400 else { return PushAnswer(status: status) }
        let body = try? await response.body.collect(upTo: Self.answerLimit)
        let document = body.flatMap { try? JSON(parsing: Array($0.readableBytesView)).object }
        return PushAnswer(status: status, refusal: PushAnswer.code(of: document))
    }

    private static func request(
        _ token: String, as mediaType: String, to target: FetchTarget, authorization: Secret?
    ) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: target.url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: mediaType)
        request.headers.add(name: "Accept", value: ContentType.json)
        request.headers.add(name: "Connection", value: "close")
        authorization?.withBytes { bytes in
            request.headers.add(name: "Authorization", value: String(decoding: bytes, as: UTF8.self))
        }
        request.body = .bytes(Array(token.utf8))
        return request
    }
}
