package import OAuth
import Synchronization
package import Vault

/// Receivers of events as a test wants them: every push is kept, and answered from a script.
package final class StubCourier: EventCourier {
    /// One push as it would have gone out.
    package struct Push: Sendable {
        package let token: String
        package let mediaType: String
        package let endpoint: String
        package let authorization: Secret?
        package let allowPrivate: Bool
    }

    private struct State {
        var pushes: [Push] = []
        var script: [PushAnswer?] = []
        var otherwise: PushAnswer? = PushAnswer(status: 202)
        var isHanging = false
    }

    private let state = Mutex(State())

    package init() {}

    package var pushes: [Push] { state.withLock { $0.pushes } }

    /// The answers to the next pushes, then the one for all others; nil is no answer at all.
    package func answer(_ script: [PushAnswer?] = [], then otherwise: PushAnswer?) {
        state.withLock { state in
            state.script = script
            state.otherwise = otherwise
        }
    }

    /// From now on nobody answers until the push is cancelled.
    package func hang() { state.withLock { $0.isHanging = true } }

    package func push(
        _ token: String, as mediaType: String, to endpoint: String, authorization: Secret?, allowPrivate: Bool
    ) async throws(FetchError) -> PushAnswer {
        if state.withLock({ $0.isHanging }) { try? await Task.sleep(for: .seconds(60)) }
        let answer = state.withLock { state -> PushAnswer? in
            state.pushes.append(
                Push(
                    token: token, mediaType: mediaType, endpoint: endpoint, authorization: authorization,
                    allowPrivate: allowPrivate
                )
            )
            if state.isHanging { return nil }
            return state.script.isEmpty ? state.otherwise : state.script.removeFirst()
        }
        guard let answer else { throw FetchError("nobody answers") }
        return answer
    }
}
