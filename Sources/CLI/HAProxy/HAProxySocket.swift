import NIOCore
import NIOPosix

/// The runtime API of HAProxy, or of its master process: one line there, one answer back, on a connection of its own.
///
/// A new connection for each line always reaches the process that serves now: an old one keeps its connections after a
/// reload.
struct HAProxySocket: Sendable {
    /// HAProxy did not answer, or not with what a command that went well answers.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let path: String

    /// Bytes of one command with its payload: HAProxy reads 16 KiB at once.
    static let longestCommand = 12_000
    /// Bytes of one answer that is read.
    private static let longestAnswer = 1 << 20
    private static let patience = Duration.seconds(2)

    /// Sends one line, without its end, and gives back the whole answer.
    func ask(_ command: String) async throws -> String {
        do {
            return try await withThrowingTaskGroup(of: String.self) { group in
                group.addTask { try await self.exchange(command) }
                group.addTask {
                    try await Task.sleep(for: Self.patience)
                    throw Failure(description: "HAProxy does not answer at \(path)")
                }
                defer { group.cancelAll() }
                guard let answer = try await group.next() else { throw CancellationError() }
                return answer
            }
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(description: "cannot talk to HAProxy at \(path): \(error)")
        }
    }

    private func exchange(_ command: String) async throws -> String {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(.seconds(2))
            .connect(unixDomainSocketPath: path) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: command + "\n"))
            var answer = ByteBuffer()
            for try await piece in inbound {
                answer.writeImmutableBuffer(piece)
                guard answer.readableBytes <= Self.longestAnswer else {
                    throw Failure(description: "HAProxy answers too much")
                }
            }
            return String(buffer: answer)
        }
    }
}
