import HTTPTypes
import Hummingbird
import NIOCore
import OAuth

/// Limits on what a request may weigh, in bytes.
enum Limits {
    static let body = 64 * 1024
    static let headers = 16 * 1024
    static let target = 8 * 1024
}

/// A request that is refused for its form before anyone looks at its meaning.
struct HTTPRefusal: Error {
    let status: HTTPResponse.Status
    /// The code of the answer; nil takes the one that the status has usually.
    var code: String?
    let detail: String
    var headers: HTTPFields = [:]
}

extension Request {
    /// The whole body, or a refusal when it is larger than the limit.
    func boundedBody(upTo limit: Int = Limits.body) async throws -> [UInt8] {
        if let length = headers.value(of: .contentLength).flatMap({ Int($0) }), length > limit {
            throw HTTPRefusal(status: .contentTooLarge, detail: "the body is larger than \(limit) bytes")
        }
        do {
            let buffer = try await body.collect(upTo: limit)
            return Array(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw HTTPRefusal(status: .contentTooLarge, detail: "the body is larger than \(limit) bytes")
        }
    }

    /// The form, from the body alone.
    func form() async throws -> OAuth.Parameters {
        let type = headers.value(of: .contentType)
        let bytes = try await boundedBody()
        guard type == ContentType.form || type?.mediaType == ContentType.form else {
            throw OAuthError(.invalidRequest, "the content type must be \(ContentType.form)")
        }
        return try OAuth.Parameters(form: bytes)
    }

    /// The `Authorization` header. Two of them are one too many.
    func authorization() throws -> String? {
        let values = headers[values: .authorization]
        guard values.count <= 1 else { throw OAuthError(.invalidRequest, "more than one Authorization header") }
        return values.first
    }

    /// The form of a client at one of the OAuth endpoints.
    ///
    /// - Parameter issuer: whose URL proofs of possession name; nil where none are looked at.
    func clientRequest(
        _ endpoint: String, in context: LegateContext, of issuer: IssuerURL? = nil
    ) async throws -> ClientRequest {
        ClientRequest(
            authorization: try authorization(), parameters: try await form(), context: context.audited(as: endpoint),
            presented: issuer.map { presented(at: $0, in: context) } ?? Presented(certificate: context.certificate)
        )
    }
}

extension HTTPFields {
    /// The value of a field, as by the subscript, which always joins: nearly every field is there once.
    func value(of name: HTTPField.Name) -> String? {
        let values = self[values: name]
        return values.count <= 1 ? values.first : self[name]
    }
}

extension String {
    /// What stands before the parameters of a content type, in lower case.
    var mediaType: String {
        var type = prefix { $0 != ";" }
        while type.last == " " { type.removeLast() }
        return type.lowercased()
    }
}
