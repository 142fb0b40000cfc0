import OAuth

extension BackgroundWork {
    /// When the server is closed, waits for what a provider was asked: its answer has to be kept, or it is lost.
    static func connections(_ server: AuthorizationServer) async {
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
        await server.connectionKeeper.close()
    }
}
