import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `/vault/rotate/NAME`: a new value now.
struct RotateRoutes: Sendable {
    let server: AuthorizationServer

    /// `POST /vault/rotate/NAME`: 200 when the new version is current; 202 when it is not yet, with the reason: the
    /// rotation is durable and is tried again.
    func rotate(_ call: AdminRequest) async throws -> Response {
        try call.acceptQuery()
        for member in try await call.document().members {
            throw InvalidDocument(member.name, "is not a member that can be set here")
        }
        let name = try call.secretName()
        let (secret, outcome) = try await server.rotationDesk.rotateNow(name, by: call.caller)
        var document: JSONObject = [
            "name": .string(name.text),
            "current_version": secret.current.map { .integer(Int64($0)) } ?? .null,
            "rotation_state": server.rotationDesk.document(of: name).map { .object($0) } ?? .null,
        ]
        switch outcome {
        case .rotated:
            document["rotated"] = true
            return Response(json: document)
        case .failed(let reason, nextAt: _):
            document["rotated"] = false
            document["reason"] = .string(reason)
            return Response(.accepted, json: document)
        case .nothingToDo: throw SecretRefusal.notFound
        }
    }
}
