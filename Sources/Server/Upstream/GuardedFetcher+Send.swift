import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import OAuth
import Vault

/// What forms and events have in common: they carry a credential, and may be good only once.
extension GuardedFetcher {
    /// Posts, once, and reads the answer.
    ///
    /// - Parameter read: what is made of the answer, while the connection lasts.
    func send<Answer>(
        _ body: HTTPClientRequest.Body, as mediaType: String, to target: FetchTarget, at addresses: [IPAddress],
        authorization: Secret?, _ read: (HTTPClientResponse) async throws -> Answer
    ) async throws -> Answer {
        // One address: what may have arrived is not sent to the next. A code and a rotated token are good once.
        guard let address = addresses.first else { throw FetchError("the host cannot be resolved") }
        let client = client(for: target, at: address, isOnly: true)
        defer { Task { try? await client.shutdown() } }
        var request = HTTPClientRequest(url: target.url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: mediaType)
        request.headers.add(name: "Accept", value: ContentType.json)
        request.headers.add(name: "Connection", value: "close")
        authorization?.withBytes { bytes in
            request.headers.add(name: "Authorization", value: String(decoding: bytes, as: UTF8.self))
        }
        request.body = body
        return try await read(client.execute(request, deadline: .now() + .seconds(60)))
    }
}
