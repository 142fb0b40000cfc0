import HTTPTypes
import Hummingbird
import JOSE
import OAuth
import Revocations
import Vault

/// `/health/live`, `/health/ready`, `/metrics`
struct HealthRoutes: Sendable {
    let server: AuthorizationServer
    let metrics: Metrics

    static func live(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .health }
        return Response(json: ["status": "live"])
    }

    /// Ready means: a decision made now could be recorded.
    func ready(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .health }
        guard await server.store.isWritable() else {
            return Response(
                .serviceUnavailable, json: ["status": "not ready", "reason": "the database cannot commit"],
                headers: [.retryAfter: "1"]
            )
        }
        return Response(json: ["status": "ready"])
    }

    func prometheus(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .metrics }
        var gauges = Metrics.Gauges(
            liveRevocations: server.revocations.count, clients: server.registry.counts.clients,
            auditSequence: server.ledger.auditHead.sequence,
            rotations: .init(
                done: server.rotationDesk.tallies.rotations, failed: server.rotationDesk.tallies.failures,
                overdue: server.rotationDesk.overdue
            ),
            connections: .init(
                refreshed: server.connectionKeeper.tallies.refreshed, failed: server.connectionKeeper.tallies.failed,
                broken: server.registry.connections.counts[.broken] ?? 0
            ), signingKeys: .init(of: server)
        )
        gauges.rememberedProofs = server.possession.rememberedProofs
        gauges.staleBundles = server.spiffeBundles.staleCount
        return Response(type: ContentType.metrics, bytes: metrics.render(gauges: gauges))
    }
}
