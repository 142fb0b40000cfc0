package import OAuth
import Synchronization
package import Vault

/// Receivers of events as a test wants them: every push is kept, and answered from a script.
package final class StubCourier: EventCourier {
    /// One push as it would have gone out.
    package struct Push: Sendable {
        package let token: String
        package let endpoint: String
        package let authorization: Secret?
        package let allowPrivate: Bool
    }

    private struct State {
        var pushes: [Push] = []
        var script: [PushAnswer?] = []
        var otherwise: PushAnswer? = PushAnswer(status: 202)
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

    package func push(
        _ token: String, to endpoint: String, authorization: Secret?, allowPrivate: Bool
    ) async throws(FetchError) -> PushAnswer {
        let answer = state.withLock { state in
            state.pushes.append(
                Push(token: token, endpoint: endpoint, authorization: authorization, allowPrivate: allowPrivate))
            return state.script.isEmpty ? state.otherwise : state.script.removeFirst()
        }
        guard let answer else { throw FetchError("nobody answers") }
        return answer
    }
}
