import NIOCore
import Synchronization

/// Waits until all listeners are open, and tells then where the first one is.
final class Opening: Sendable {
    private struct State {
        var waiting: Int
        var address: SocketAddress?
    }

    private let state: Mutex<State>
    private let whenOpen: @Sendable (SocketAddress?) async -> Void

    init(of listeners: Int, _ whenOpen: @escaping @Sendable (SocketAddress?) async -> Void) {
        state = Mutex(State(waiting: listeners))
        self.whenOpen = whenOpen
    }

    func opened(_ address: SocketAddress?, isFirst: Bool) async {
        let (isLast, first) = state.withLock { state in
            state.waiting -= 1
            if isFirst { state.address = address }
            return (state.waiting == 0, state.address)
        }
        if isLast { await whenOpen(first) }
    }
}
