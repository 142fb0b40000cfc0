import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `POST /global-token-revocation` (draft-parecki-oauth-global-token-revocation): a user has left.
///
/// Authentication, audit of refusals and strict JSON are those of the admin API; the errors are those of OAuth.
struct SubjectRoutes: Sendable {
    let desk: SubjectDesk

    func revoke(_ admin: AdminRequest) async throws -> Response {
        let body = try await admin.document()
        for member in body.members where member.name != ReportedSubject.member {
            throw OAuthError(.invalidRequest, "the body has a member that is not \(ReportedSubject.member)")
        }
        let subject: ReportedSubject
        do {
            subject = try ReportedSubject(body[ReportedSubject.member])
        } catch {
            throw OAuthError(.invalidRequest, error.description)
        }
        guard try await desk.revoke(subject, by: admin.caller) else {
            throw HTTPRefusal(status: .notFound, detail: "no delegation of this user is known")
        }
        return Response(status: .noContent)
    }
}
