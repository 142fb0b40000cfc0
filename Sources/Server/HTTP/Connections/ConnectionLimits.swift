/// What one connection, and all of them together, may take.
package struct ConnectionLimits: Sendable, Equatable {
    /// Connections that are open at once. A newcomer beyond it takes the place of the idlest.
    package var connections: Int
    /// The same for one network address.
    package var perAddress: Int
    /// Seconds until the first byte of a request has become its whole head, or a new connection has sent one.
    package var headSeconds: Int
    /// Seconds that a connection may rest between two requests.
    package var idleSeconds: Int

    /// Seconds that a body may take in any case; what has arrived earns more at `bodyBytesPerSecond`.
    let bodySeconds = 15
    let bodyBytesPerSecond = 1024
    /// Seconds during which a reader may take nothing of an answer.
    let stallSeconds = 30
    /// Requests on one connection; the last answer of HTTP/1.1 says `Connection: close`, HTTP/2 sends GOAWAY.
    var requests = 10_000
    /// Requests that are on their way on one HTTP/1.1 connection, unanswered.
    let pipelined = 64
    /// Bytes of head that the parser reads; `Limits` says what is accepted of them.
    let headBytes = 32 * 1024
    let headerFields = 128

    package static let defaultConnections = 12_000
    package static let defaultHeadSeconds = 20
    package static let defaultIdleSeconds = 75

    /// - Parameter perAddress: nil is three quarters of all, for many come through one proxy.
    package init(
        connections: Int = defaultConnections, perAddress: Int? = nil, headSeconds: Int = defaultHeadSeconds,
        idleSeconds: Int = defaultIdleSeconds
    ) {
        self.connections = max(1, connections)
        self.perAddress = max(1, min(perAddress ?? self.connections / 4 * 3 + 1, self.connections))
        self.headSeconds = max(1, headSeconds)
        self.idleSeconds = max(1, idleSeconds)
    }

    /// Connections that have sent something and are not being answered: each costs several times a silent one.
    var awake: Int { connections / 4 + 1 }
    /// How many are sent away together when there is no room, so that looking for them is cheap.
    var batch: Int { connections / 128 + 1 }
}
