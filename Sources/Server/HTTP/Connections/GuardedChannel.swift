import HummingbirdCore
import Logging
import NIOCore

/// Any way to serve a connection, behind a doorkeeper: what `base` needs is made when the first bytes arrive, so that a
/// connection that says nothing costs little.
struct GuardedChannel<Base: ServerChildChannel>: ServerChildChannel {
    struct Value: ServerChildChannelValue {
        let base: EventLoopFuture<Base.Value>
        let channel: any Channel
    }

    let base: Base
    let doorkeeper: Doorkeeper

    init(_ base: Base, doorkeeper: Doorkeeper) {
        self.base = base
        self.doorkeeper = doorkeeper
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let made = channel.eventLoop.makePromise(of: Base.Value.self)
        return channel.eventLoop.makeCompletedFuture {
            let watch = ConnectionWatch(
                doorkeeper: doorkeeper,
                open: {
                    let value = base.setup(channel: channel, logger: logger)
                    value.cascade(to: made)
                    return value.map { _ in }
                },
                abandon: { made.fail($0) }
            )
            do {
                try channel.pipeline.syncOperations.addHandler(watch)
            } catch {
                made.fail(error)
                throw error
            }
            return Value(base: made.futureResult, channel: channel)
        }
    }

    func handle(value: Value, logger: Logger) async {
        guard let inner = try? await value.base.get() else { return }
        await PeerConnection.$current.withValue(PeerConnection(address: PeerAddress.of(value.channel))) {
            await base.handle(value: inner, logger: logger)
        }
    }
}
