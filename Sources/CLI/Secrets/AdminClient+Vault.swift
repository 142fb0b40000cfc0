import JOSE

extension AdminClient {
    /// One call to the vault.
    ///
    /// - Parameter token: an agent's own one; without it, the profile's credentials get one.
    /// - Returns: the JSON of a good answer; `.null` when it has no body.
    @discardableResult
    func vault(
        _ method: String, _ path: String, query: [(name: String, value: String?)] = [], body: JSONObject? = nil,
        ifMatch: String? = nil, token: String? = nil
    ) async throws -> JSON {
        try json(
            try await call(method, path, at: .vault, query: query, body: body, ifMatch: ifMatch, with: token)
        )
    }
}
