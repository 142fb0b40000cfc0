import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `POST /admin/clients/disable`
struct OwnerRoutes: Sendable {
    let desk: OwnerDesk

    func disable(_ admin: AdminRequest) async throws -> Response {
        do {
            let (owner, clients) = try await desk.disable(try await admin.document(), by: admin.caller)
            return Response(json: [
                "owner": .string(owner), "disabled": .array(clients.map { .string($0.text) }),
            ])
        } catch is OwnerDesk.UnknownOwner {
            throw HTTPRefusal(status: .notFound, detail: "no client has this owner; it is compared byte by byte")
        }
    }
}

/// A path that spells out a word which may also be the name of something: the other verbs go on as for any name.
struct NamedRoutes: Sendable {
    let name: String

    func with(_ handler: @escaping AdminAPI.Handler) -> AdminAPI.Handler {
        { admin in
            var named = admin
            named.fixedName = name
            return try await handler(named)
        }
    }
}
