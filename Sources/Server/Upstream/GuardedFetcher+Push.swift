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
        return try await ask(
            target, allowPrivate: allowPrivate, within: Self.pushTimeLimit, late: "the receiver did not answer",
            failed: "the event could not be pushed"
        ) { addresses in
            try await send(
                .bytes(Array(token.utf8)), as: mediaType, to: target, at: addresses, authorization: authorization
            ) { response in
                let status = Int(response.status.code)
                guard status == 400 else { return PushAnswer(status: status) }
                let body = try? await response.body.collect(upTo: Self.answerLimit)
                let document = body.flatMap { try? JSON(parsing: Array($0.readableBytesView)).object }
                return PushAnswer(status: status, refusal: PushAnswer.code(of: document))
            }
        }
    }
}
