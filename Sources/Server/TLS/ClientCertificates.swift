package import Certificates
package import OAuth
import Synchronization

/// Finds out whether a path leads from the certificate of a peer to an authority that the operator configured.
///
/// Nothing is decided about clients here. A certificate without such a path may still be one that a client registered.
/// To look costs signatures, as many as a stranger likes: so nothing is looked for before somebody needs the path, and
/// no chain is searched twice in a row.
package final class ClientCertificates: Sendable {
    /// A chain, in whatever order it was sent.
    private struct ChainID: Hashable {
        let leaf: String
        let others: Set<String>

        init(_ chain: CertificateChain) {
            leaf = chain.leaf.thumbprint
            others = Set(chain.intermediates.map(\.thumbprint))
        }
    }

    private struct Search {
        let end: Task<Int64?, Never>
        /// Seconds since 1970.
        let begun: Int64
        let generation: Int
    }

    private struct State {
        var anchors: TrustAnchors
        /// Grows when the authorities change; what was found with older ones counts no more.
        var generation = 0
        /// When paths end, by the thumbprint of the certificate. A stranger has none, so no stranger can fill or flush
        /// this.
        var ends: [String: Int64] = [:]
        /// What peers presented with their certificates, by its thumbprint: a session that is resumed has the certificate
        /// alone. Nothing of it is verified.
        var presented: [String: CertificateChain] = [:]
        /// Searches that are under way, and those that found nothing lately.
        var searches: [ChainID: Search] = [:]
        var count = 0

        /// The search of all who ask for this chain now.
        mutating func search(for chain: CertificateChain, at time: Int64) -> Search {
            let id = ChainID(chain)
            if let known = searches[id], known.begun <= time, time - known.begun < ClientCertificates.memory {
                return known
            }
            if searches.count >= ClientCertificates.capacity { searches = [:] }
            count &+= 1
            let search = Search(
                end: Task<Int64?, Never> { [anchors] in try? await anchors.verify(chain, at: time) }, begun: time,
                generation: generation
            )
            searches[id] = search
            return search
        }

        /// The chain as it was presented in a whole handshake, as far as that is remembered.
        mutating func whole(_ chain: CertificateChain) -> CertificateChain {
            let leaf = chain.leaf.thumbprint
            if chain.intermediates.isEmpty { return presented[leaf] ?? chain }
            if presented[leaf] == nil {
                if presented.count >= ClientCertificates.mostPresented { presented = [:] }
                presented[leaf] = chain
            }
            return chain
        }

        mutating func found(_ end: Int64, for chain: CertificateChain, by search: Search, at time: Int64) {
            guard search.generation == generation else { return }
            searches[ChainID(chain)] = nil
            if ends.count >= ClientCertificates.capacity { ends = ends.filter { time <= $0.value } }
            if ends.count >= ClientCertificates.capacity { ends = [:] }
            ends[chain.leaf.thumbprint] = end
        }
    }

    private static let capacity = 4096
    /// Chains of at most 100 KB, the limit of TLS. A stranger can flush them: then a resumed session has to begin anew.
    private static let mostPresented = 256
    /// Seconds for which a chain without a path is known as one: a certificate of it may only begin to be valid.
    private static let memory: Int64 = 60

    private let state: Mutex<State>
    private let now: Now

    package init(anchors: TrustAnchors = .none, now: @escaping Now) {
        state = Mutex(State(anchors: anchors))
        self.now = now
    }

    /// How many paths were looked for.
    var searches: Int { state.withLock(\.count) }

    /// Trusts these authorities from now on, and no others: what was verified before is verified again.
    package func replace(_ anchors: TrustAnchors) {
        state.withLock { state in
            state.anchors = anchors
            state.generation &+= 1
            state.ends = [:]
            state.searches = [:]
        }
    }

    /// The certificate of a connection; nil when its peer presented none.
    func certificate(of connection: PeerConnection) -> ClientCertificate? {
        connection.chain.map { certificate(of: $0) }
    }

    /// The certificate that leads such a chain.
    package func certificate(of chain: CertificateChain) -> ClientCertificate {
        let whole = state.withLock { $0.whole(chain) }
        return ClientCertificate(chain) { await self.pathEnd(of: whole) }
    }

    /// A path that has ended may have a successor: it is looked for again.
    private func pathEnd(of chain: CertificateChain) async -> Int64? {
        let time = now().seconds
        if let end = state.withLock({ $0.ends[chain.leaf.thumbprint] }), time <= end { return end }
        let search = state.withLock { $0.search(for: chain, at: time) }
        guard let end = await search.end.value else { return nil }
        state.withLock { $0.found(end, for: chain, by: search, at: time) }
        return end
    }
}
