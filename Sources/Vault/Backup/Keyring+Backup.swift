extension Keyring {
    /// A key made from a term's key, for one use. Nil when the ring does not hold the term.
    func derivedKey(term: Int, salt: [UInt8], info: [UInt8]) -> Secret? {
        guard let key = try? key(of: term) else { return nil }
        return KeyDerivation.derive(from: key, salt: salt, info: info)
    }
}
