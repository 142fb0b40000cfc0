import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `POST /events`: a security event of a trusted issuer, by push (RFC 8935).
struct EventRoute: Sendable {
    let intake: EventIntake

    func receive(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .event }
        let bytes = try await request.boundedBody()
        guard request.headers[.contentType]?.mediaType == ContentType.event else {
            return refusal(.init(.invalidRequest, "the content type must be \(ContentType.event)"), context)
        }
        guard let compact = String(validating: bytes, as: UTF8.self) else {
            return refusal(.init(.invalidRequest, "the body must be one signed token in compact form"), context)
        }
        switch try await intake.receive(compact, context: context.audited(as: "POST /events")) {
        case .accepted: return Response(status: .accepted, headers: [.cacheControl: "no-store"])
        case .refused(let why): return refusal(why, context)
        }
    }

    /// RFC 8935 section 2.3: the shape is its own, not that of OAuth.
    private func refusal(_ why: IntakeRefusal, _ context: LegateContext) -> Response {
        context.notes.note {
            $0.error = why.code.rawValue
            $0.detail = why.description
        }
        return Response(
            .badRequest, json: ["err": .string(why.code.rawValue), "description": .string(why.description)],
            headers: [.contentLanguage: "en"]
        )
    }
}
