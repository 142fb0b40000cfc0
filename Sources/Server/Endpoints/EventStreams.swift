import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `/ssf/…`: what a receiver asks of its event stream (OpenID SSF 1.0 section 8, RFC 8936). Operators open and close
/// streams, through the admin API.
struct EventStreamRoutes: Sendable {
    let server: AuthorizationServer

    private var desk: StreamDesk { server.streamDesk }

    /// `GET /ssf/streams`: one stream, or all of the caller's.
    func streams(_ request: Request, _ context: LegateContext) async throws -> Response {
        let client = try await authorize(request, context, as: "GET /ssf/streams")
        guard let id = request.uri.queryParameters["stream_id"] else {
            let bytes = JSON.array(desk.streams(of: client).map { .object(desk.document(of: $0)) }).serialized
            return Response(bytes: bytes)
        }
        return Response(json: desk.document(of: try stream(String(id), of: client)))
    }

    /// `GET /ssf/status`
    func status(_ request: Request, _ context: LegateContext) async throws -> Response {
        let client = try await authorize(request, context, as: "GET /ssf/status")
        let id = request.uri.queryParameters["stream_id"].map { String($0) }
        return Response(json: desk.status(of: try stream(id, of: client)))
    }

    /// `POST /ssf/verify`
    func verify(_ request: Request, _ context: LegateContext) async throws -> Response {
        let client = try await authorize(request, context, as: "POST /ssf/verify")
        let document = try await document(of: request)
        return try await verify(try stream(document["stream_id"]?.string, of: client), state: document["state"])
    }

    /// `POST /ssf/poll`
    func poll(_ request: Request, _ context: LegateContext) async throws -> Response {
        let client = try await authorize(request, context, as: "POST /ssf/poll")
        let asked = try EventPollRequest(try await document(of: request))
        return Response(json: try await desk.poll(asked, by: client))
    }

    /// `POST /admin/event-receivers/ID/verify`
    func verify(_ admin: AdminRequest) async throws -> Response {
        try admin.caller.require(RegistryKind.receiver.writeScope)
        let id = try admin.name()
        guard let receiver = ReceiverID(id).flatMap({ server.registry.eventReceiver($0) }) else {
            throw Registrar.Failure.notFound(.receiver, id)
        }
        let document = try await admin.document()
        for member in document.members where member.name != "state" {
            throw InvalidDocument(member.name, "is not a member that can be set here")
        }
        return try await verify(receiver, state: document["state"])
    }

    private func verify(_ stream: EventReceiver, state: JSON?) async throws -> Response {
        do {
            try await desk.verify(stream, state: state)
        } catch let error as StreamDesk.VerifiedTooSoon {
            throw HTTPRefusal(
                status: .tooManyRequests, code: OAuthError.Code.slowDown.rawValue,
                detail: "a stream is verified once in \(StreamDesk.verificationInterval) seconds",
                headers: [.retryAfter: String(error.retryAfter)]
            )
        }
        return Response(status: .noContent, headers: [.cacheControl: "no-store"])
    }

    private func stream(_ id: String?, of client: ClientID) throws -> EventReceiver {
        guard let id else { throw OAuthError(.invalidRequest, "stream_id is missing") }
        guard let stream = desk.stream(id, of: client) else {
            throw HTTPRefusal(status: .notFound, detail: "no such stream of this client")
        }
        return stream
    }

    private func document(of request: Request) async throws -> JSONObject {
        let bytes = try await request.boundedBody()
        guard request.headers[.contentType]?.mediaType == ContentType.json else {
            throw OAuthError(.invalidRequest, "the content type must be \(ContentType.json)")
        }
        guard let document = try? JSON(parsing: bytes).object else {
            throw OAuthError(.invalidRequest, "the body must be a JSON object")
        }
        return document
    }

    /// Receivers come in by the same doors as those who follow the revocation feed.
    private func authorize(_ request: Request, _ context: LegateContext, as endpoint: String) async throws -> ClientID {
        context.notes.note { $0.route = .eventStream }
        return try await FeedAuthentication(server: server).consumer(request, context, as: endpoint).clientID
    }
}
