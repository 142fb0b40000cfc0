extension Registry {
    /// Takes the new secret that a pending version holds from the client, which may use it already. Nothing when it holds
    /// none, or the client has made it current itself.
    func withdrawal(of pending: RotationPlan.Pending, from secret: VaultSecret) -> [Change] {
        guard let digest = pending.digest, let id = secret.client, var client = self.client(id),
            client.secrets.dropFirst().contains(where: { $0.digest == digest })
        else { return [] }
        let revision = client.revision
        client.secrets.removeAll { $0.digest == digest }
        client.revision += 1
        return [.update(.client(client), from: revision)]
    }

    /// The same of one version of a secret, when that is the one that is pending.
    func withdrawal(of version: Int, from secret: VaultSecret) -> [Change] {
        guard let pending = rotations.plan(secret.name)?.pending, pending.version == version else { return [] }
        return withdrawal(of: pending, from: secret)
    }
}
