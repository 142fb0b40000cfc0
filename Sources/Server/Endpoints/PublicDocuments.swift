import JOSE
import OAuth
import Synchronization

/// Documents that cost something to make and that anyone may ask for, kept for a moment: however often they are asked
/// for, one signature for each resource and minute is made, and a large registry is summed up once a second.
final class PublicDocuments: Sendable {
    private struct Signed {
        let resource: Resource
        let keyID: String
        let at: Timestamp
        let bytes: [UInt8]
    }

    private struct State {
        var signed: [String: Signed] = [:]
        var summary: (document: JSONObject, at: ContinuousClock.Instant)?
    }

    /// Seconds.
    private static let lifetime = 60
    private static let capacity = 1024
    /// Resources from which on the server's metadata are kept.
    private static let many = 256

    private let server: AuthorizationServer
    private let state = Mutex(State())

    init(server: AuthorizationServer) { self.server = server }

    /// RFC 8414.
    var authorizationServer: JSONObject {
        guard server.registry.counts.resources >= Self.many else { return made() }
        if let summary = state.withLock(\.summary), ContinuousClock.now - summary.at < .seconds(1) {
            return summary.document
        }
        let document = made()
        state.withLock { $0.summary = (document, .now) }
        return document
    }

    private func made() -> JSONObject {
        server.metadata.authorizationServer(resources: server.registry.registeredResources)
    }

    /// RFC 9728, signed.
    func registered(_ resource: Resource) throws -> [UInt8] {
        let now = server.now()
        let keyID = server.keys.active(.es256, at: now)?.keyID ?? ""
        if let kept = state.withLock({ $0.signed[resource.name] }), kept.resource == resource, kept.keyID == keyID,
            now >= kept.at, now < kept.at.adding(seconds: Self.lifetime)
        {
            return kept.bytes
        }
        let document = try server.metadata.signedProtectedResource(resource, keys: server.keys, at: now)
        let bytes = JSON.object(document).serialized
        state.withLock { state in
            if state.signed.count >= Self.capacity { state.signed = [:] }
            state.signed[resource.name] = Signed(resource: resource, keyID: keyID, at: now, bytes: bytes)
        }
        return bytes
    }
}
