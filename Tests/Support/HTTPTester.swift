import Glibc
package import HTTPTypes
import Hummingbird
package import JOSE
import Logging
import NIOCore
import NIOEmbedded
import OAuth
package import Server
import Synchronization

/// Sends requests to the server as HTTP would, without a socket, and keeps the answers whole.
package struct HTTPTester: Sendable {
    private let responder: any HTTPResponder<LegateContext>
    private let channel: NIOAsyncTestingChannel

    package init(
        _ server: SealableServer, peer: String = "192.0.2.1", sink: LogSink = HTTPTester.noLog,
        proxies: TrustedProxies = .none, authorities: ClientAuthorities? = nil
    ) throws {
        responder = LegateServer(
            server: server,
            configuration: .init(host: "127.0.0.1", port: 0, proxies: proxies, authorities: authorities), sink: sink
        ).responder()
        channel = NIOAsyncTestingChannel()
        channel.remoteAddress = try SocketAddress(ipAddress: peer, port: 49_152)
    }

    /// A log that nobody reads.
    package static let noLog = LogSink(descriptor: unsafe open("/dev/null", O_WRONLY | O_CLOEXEC))

    package func send(_ request: HTTPExchange.Question) async throws -> HTTPExchange {
        var fields = HTTPFields()
        for (name, value) in request.headers {
            guard let name = HTTPField.Name(name) else { throw NotAHeader(name: name) }
            fields.append(HTTPField(name: name, value: value))
        }
        if let body = request.body, fields[.contentLength] == nil { fields[.contentLength] = String(body.count) }
        let head = HTTPRequest(
            method: request.method, scheme: "http", authority: request.authority, path: request.path,
            headerFields: fields
        )
        let body = RequestBody(buffer: ByteBuffer(bytes: request.body ?? []))
        let context = LegateContext(
            source: ApplicationRequestContextSource(
                channel: channel, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        )
        let response = try await responder.respond(to: Request(head: head, body: body), context: context)
        let writer = Writer()
        try await response.body.write(writer)
        return HTTPExchange(
            question: request,
            answer: .init(status: response.status, headers: response.headers, body: writer.bytes.withLock { $0 })
        )
    }

    private struct NotAHeader: Error { let name: String }

    private final class Writer: ResponseBodyWriter {
        let bytes = Mutex<[UInt8]>([])

        func write(_ buffer: ByteBuffer) async throws {
            bytes.withLock { $0.append(contentsOf: buffer.readableBytesView) }
        }

        func finish(_ trailers: HTTPFields?) async throws {}
    }
}

/// One request and the answer to it, whole.
package struct HTTPExchange: Sendable {
    package struct Question: Sendable {
        package var method: HTTPRequest.Method
        package var path: String
        package var authority = "auth.example.com"
        package var headers: [(String, String)]
        package var body: [UInt8]?

        package init(
            _ method: HTTPRequest.Method, _ path: String, headers: [(String, String)] = [], body: [UInt8]? = nil
        ) {
            self.method = method
            self.path = path
            self.headers = headers
            self.body = body
        }
    }

    package struct Answer: Sendable {
        package let status: HTTPResponse.Status
        package let headers: HTTPFields
        package let body: [UInt8]

        package var text: String { String(decoding: body, as: UTF8.self) }
        /// The body as a JSON object; empty when it is not one.
        package var json: JSONObject { (try? JSON(parsing: body))?.object ?? [:] }
    }

    package let question: Question
    package let answer: Answer

    package var status: Int { Int(answer.status.code) }
    package var headers: HTTPFields { answer.headers }
    package var json: JSONObject { answer.json }
}

extension HTTPTester {
    package func get(_ path: String, headers: [(String, String)] = []) async throws -> HTTPExchange {
        try await send(.init(.get, path, headers: headers))
    }

    /// Posts a form as a party; `headers` come first.
    package func post(
        _ path: String, _ form: Form, as party: Party? = nil, headers: [(String, String)] = []
    ) async throws -> HTTPExchange {
        var form = form
        var headers = headers
        switch party?.proof {
        case .basic(let secret): headers.append(("Authorization", Form.basic(party?.id.text ?? "", secret)))
        case .post(let secret):
            form.add("client_id", party?.id.text)
            form.add("client_secret", secret)
        case .key, Party.Proof.none?, nil: break
        }
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        return try await send(.init(.post, path, headers: headers, body: Array(form.text.utf8)))
    }

    /// A call to the admin API with a bearer token and, unless it is nil, a JSON body.
    package func admin(
        _ method: HTTPRequest.Method, _ path: String, token: String?, _ body: JSONObject? = nil,
        headers more: [(String, String)] = []
    ) async throws -> HTTPExchange {
        var headers: [(String, String)] = []
        if let token { headers.append(("Authorization", "Bearer \(token)")) }
        if body != nil { headers.append(("Content-Type", "application/json")) }
        return try await send(.init(method, path, headers: headers + more, body: body?.serialized))
    }
}

extension LegateKit {
    /// The HTTP side of the same server.
    package func http(peer: String = "192.0.2.1", sink: LogSink = HTTPTester.noLog) throws -> HTTPTester {
        try HTTPTester(sealable(), peer: peer, sink: sink)
    }

    /// A bearer token for the admin API, obtained as any client obtains one.
    package func adminToken(_ party: Party? = nil, scope: String? = nil) async throws -> String {
        try await token(party ?? world.admin, for: server.registry.ownResources.admin.uri, scope: scope).accessToken
    }
}
