import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// The documents that anyone may read and cache, while the server is sealed: the same as of the open one, except that
/// nothing is signed. Gateways go on verifying tokens offline with them.
struct SealedDocuments: Sendable {
    let face: PublicFace

    /// RFC 8414.
    func authorizationServer(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .metadata }
        return MetadataRoutes.cacheable(face.metadata.authorizationServer(resources: face.resources), for: request)
    }

    /// OpenID SSF 1.0 section 7.
    func eventTransmitter(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .metadata }
        return MetadataRoutes.cacheable(face.eventTransmitter, for: request)
    }

    /// RFC 7517, from the public halves.
    func jwks(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .jwks }
        return MetadataRoutes.cacheable(face.keys.published(at: face.now()).json, for: request)
    }

    /// RFC 9728, without `signed_metadata`.
    func resource(_ resource: Resource) -> Routes.Handler {
        { request, context in
            context.notes.note { $0.route = .resourceMetadata }
            return MetadataRoutes.cacheable(face.metadata.protectedResource(resource), for: request)
        }
    }
}
