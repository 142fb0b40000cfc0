import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// References that stand for a value and open once: the other answer of `/vault/values`, and `/vault/unwrap`.
struct WrapRoutes: Sendable {
    let desk: WrapDesk

    /// `GET /vault/values/NAME?wrap_ttl&version`: a reference instead of the value.
    func wrap(_ call: AdminRequest) async throws -> Response {
        try call.acceptQuery("version", "wrap_ttl")
        guard let text = call.query("wrap_ttl"), let seconds = Int(text), Wrap.lifetimes.contains(seconds) else {
            throw InvalidDocument(
                "wrap_ttl", "must be whole seconds from \(Wrap.lifetimes.lowerBound) to \(Wrap.lifetimes.upperBound)"
            )
        }
        let wrapped = try await desk.wrap(
            try call.secretName(), version: try call.queriedVersion(), for: seconds, by: call.caller.token,
            in: call.caller.context
        )
        return Response(json: [
            "name": .string(wrapped.secret.name.text), "version": .integer(Int64(wrapped.lease.version)),
            "reference": .string(wrapped.reference), "expires_at": .string(RFC3339.text(wrapped.expiresAt)),
            "lease": .object([
                "lease_id": .string(wrapped.lease.id.text),
                "expires_at": .string(RFC3339.text(wrapped.lease.expiresAt)),
            ]),
        ])
    }

    /// `POST /vault/unwrap {"reference"}`: the value, once.
    func open(_ call: AdminRequest) async throws -> Response {
        try call.acceptQuery()
        let body = try await call.document()
        for member in body.members where member.name != "reference" {
            throw InvalidDocument(String(member.name.prefix(64)), "is not a member that can be set here")
        }
        guard let reference = body["reference"]?.string, !reference.isEmpty, reference.utf8.count <= 256 else {
            throw InvalidDocument("reference", "is required: the text that wrapping gave, \(WrapDesk.prefix)…")
        }
        let released = try await desk.open(reference, by: call.caller.token, in: call.caller.context)
        return Response(json: released.document)
    }
}
