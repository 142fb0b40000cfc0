import HTTPTypes
import Hummingbird
import JOSE
import OAuth
import Vault

/// The one place where errors become answers. Endpoints throw; nobody else catches.
///
/// At the OAuth endpoints the shape is RFC 6749's, at the admin API and below it RFC 9457's. What is not the caller's
/// fault is a 500, or a 503 when a security component cannot answer; nothing of it leaks.
struct ErrorRenderer: Sendable {
    enum Surface: Sendable {
        case oauth
        case problem
    }

    func answer(_ error: any Error, on surface: Surface, requestID: String) -> Response {
        let fault = Fault(error)
        switch surface {
        case .oauth: return Response(fault.status, json: fault.oauth, headers: fault.headers)
        case .problem:
            return Response(
                fault.status, type: ContentType.problem, bytes: JSON.object(fault.problem(requestID)).serialized,
                headers: fault.headers
            )
        }
    }
}

/// An error, in the words of HTTP.
struct Fault {
    let status: HTTPResponse.Status
    /// The code of RFC 6749, which also names the problem type.
    let code: String
    let description: String
    var fields: [FieldError] = []
    var headers: HTTPFields = [:]
    /// For the log alone.
    var detail: String?

    init(_ error: any Error) {
        let challenged = error is Challenge
        if let challenge = error as? Challenge { headers[challenge.field] = challenge.header }
        switch (error as? Challenge)?.error ?? error {
        case let error as OAuthError:
            status = challenged ? Self.challengedStatus(of: error.code) : Self.status(of: error.code)
            code = error.code.rawValue
            description = error.description
            detail = error.detail
            if let seconds = error.retryAfter { headers[.retryAfter] = String(seconds) }
            if let nonce = error.nonce { headers[.dpopNonce] = nonce }
            if error.code == .slowDown {
                let policy = RateLimitPolicy.named(error.rule) ?? .failedAuthentication
                headers[.rateLimitPolicy] = #""\#(policy.name)";q=\#(policy.quota);w=\#(policy.window)"#
                headers[.rateLimit] = #""\#(policy.name)";r=0;t=\#(error.retryAfter ?? policy.window)"#
            }
        case let refusal as HTTPRefusal:
            status = refusal.status
            code =
                refusal.code ?? (refusal.status == .notFound ? "not_found" : OAuthError.Code.invalidRequest.rawValue)
            description = refusal.detail
            headers = refusal.headers
        case let error as InvalidDocument:
            status = .badRequest
            code = "invalid_document"
            description = error.errors.map { "\($0.field) \($0.detail)" }.joined(separator: "; ")
            fields = error.errors
        case let failure as Registrar.Failure:
            (status, code, description) = Self.describe(failure)
        case let refusal as LastOperator:
            status = .conflict
            code = "last_operator"
            description = refusal.sentence
        case let refusal as SecretRefusal:
            status = refusal.status
            code = refusal.code
            description = refusal.sentence
            if let seconds = refusal.retryAfter { headers[.retryAfter] = String(seconds) }
        case let error as HTTPError:
            status = error.status
            code = error.status == .notFound ? "not_found" : OAuthError.Code.invalidRequest.rawValue
            description = error.status == .notFound ? "there is nothing at this path" : error.status.reasonPhrase
        case is KeyWorkBusy:
            status = .serviceUnavailable
            code = OAuthError.Code.temporarilyUnavailable.rawValue
            description = "other keys are being made or opened; try again"
            headers[.retryAfter] = "2"
        case let error as LedgerUnavailable:
            status = .serviceUnavailable
            code = OAuthError.Code.temporarilyUnavailable.rawValue
            description = "the decision could not be recorded, so it is not made; try again"
            detail = "\(error.underlying)"
            headers[.retryAfter] = "1"
        default:
            status = .internalServerError
            code = OAuthError.Code.serverError.rawValue
            description = "something is wrong on our side; the request id finds it in the log"
            detail = "\(error)"
        }
    }

    var oauth: JSONObject { ["error": .string(code), "error_description": .string(description)] }

    func problem(_ requestID: String) -> JSONObject {
        var document: JSONObject = [
            "type": .string(Self.problemType(of: code)),
            "title": .string(status.reasonPhrase),
            "status": .integer(Int64(status.code)),
            "detail": .string(description),
            "request_id": .string(requestID),
        ]
        if !fields.isEmpty {
            document["errors"] = .array(
                fields.map { .object(["field": .string($0.field), "detail": .string($0.detail)]) }
            )
        }
        return document
    }

    /// A spent limit has a type that is registered for all (IETF rate limit headers draft, section 6); the rest are ours.
    private static func problemType(of code: String) -> String {
        code == OAuthError.Code.slowDown.rawValue
            ? "https://iana.org/assignments/http-problem-types#quota-exceeded"
            : "urn:legate:problem:" + code.replacingUnderscores
    }

    private static func status(of code: OAuthError.Code) -> HTTPResponse.Status {
        switch code {
        case .invalidClient, .invalidToken: .unauthorized
        case .insufficientScope, .insufficientAuthorization, .accessDenied: .forbidden
        case .slowDown: .tooManyRequests
        case .temporarilyUnavailable: .serviceUnavailable
        case .serverError: .internalServerError
        default: .badRequest
        }
    }

    /// Where access is what is asked for, a proof that is not good is a reason to challenge (RFC 9449 section 7.1); at the
    /// token endpoint it makes a bad request (section 5).
    private static func challengedStatus(of code: OAuthError.Code) -> HTTPResponse.Status {
        switch code {
        case .invalidDPoPProof, .useDPoPNonce: .unauthorized
        default: status(of: code)
        }
    }

    private static func describe(_ failure: Registrar.Failure) -> (HTTPResponse.Status, String, String) {
        switch failure {
        case .notFound(let kind, let id): (.notFound, "not_found", "no such \(kind.rawValue): \(id)")
        case .exists(let kind, let id): (.conflict, "exists", "this \(kind.rawValue) exists already: \(id)")
        case .stale(let kind, let id):
            (.preconditionFailed, "stale", "\(kind.rawValue) \(id) was changed in the meantime: read it again")
        case .isOwn(let name):
            (.conflict, "own_resource", "\(name) is one of Legate's own resources and cannot be changed")
        }
    }
}

/// An error with the challenge that tells the caller how to get in (RFC 6750 section 3, RFC 9728 section 5.1).
struct Challenge: Error {
    let error: OAuthError
    let header: String
    var field = HTTPField.Name.wwwAuthenticate
}

extension String {
    fileprivate var replacingUnderscores: String { String(map { $0 == "_" ? "-" : $0 }) }
}
