package import Hummingbird
import NIOCore
package import OAuth
import Synchronization

/// What travels with a request through the server.
package struct LegateContext: Hummingbird.RequestContext, Sendable {
    package var coreContext: CoreRequestContextStorage
    /// The peer's address, without port.
    package let peer: String
    /// What the endpoint found out, for the request log and the metrics.
    package let notes: RequestNotes
    /// What is known of the connection; nil where none was kept.
    let connection: PeerConnection?
    /// The client certificate that stands behind the request; the front door finds it.
    package var certificate: ClientCertificate?
    /// Scheme, host and port that the client must have named, as we are set up; nil for those of the issuer.
    var origin: String?

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        connection = PeerConnection.current
        peer = connection?.address ?? PeerAddress.of(source.channel)
        notes = RequestNotes()
        origin = connection?.origin
    }
}

/// What an endpoint tells the request log: who asked, and which request it was.
package final class RequestNotes: Sendable {
    struct Notes {
        var requestID = ""
        var traceID: String?
        var clientID: String?
        var route = Metrics.Route.other
        var error: String?
        var detail: String?
        /// For the client's next DPoP proof.
        var nonce: String?
    }

    private let state = Mutex(Notes())

    var value: Notes { state.withLock { $0 } }

    func note(_ change: (inout Notes) -> Void) { state.withLock { change(&$0) } }
}

extension LegateContext {
    /// The context that the audit trail should know.
    func audited(as endpoint: String) -> OAuth.RequestContext {
        let notes = notes.value
        return OAuth.RequestContext(requestID: notes.requestID, traceID: notes.traceID, endpoint: endpoint, peer: peer)
    }
}
