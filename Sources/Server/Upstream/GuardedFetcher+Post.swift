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
        return try await ask(
            target, allowPrivate: allowPrivate, within: Self.postTimeLimit, late: "there was no answer",
            failed: "the form could not be sent"
        ) { addresses in
            try await send(
                form.body.withBytes { .bytes(ByteBuffer(bytes: $0)) }, as: ContentType.form, to: target, at: addresses,
                authorization: form.authorization
            ) { response in
                let status = Int(response.status.code)
                guard !(300..<400).contains(status) else {
                    throw FetchError("the answer is a redirect, which is not followed")
                }
                let body = try await Self.body(of: response, as: "answer", maximumBytes: maximumBytes)
                return FormAnswer(status: status, body: body)
            }
        }
    }
}
