import ArgumentParser

/// A command that asks a server and shows what it answers. Most say only how the answer comes about.
protocol RemoteCommand: AsyncParsableCommand {
    var connection: ConnectionOptions { get }

    /// Does the work. Nothing is printed here, so that the guided tour runs the very same commands.
    func answer(from server: AdminClient) async throws -> Answer
}

extension RemoteCommand {
    func run() async throws {
        let answer = try await connection.withServer { try await self.answer(from: $0) }
        try connection.printer.print(answer)
    }
}
