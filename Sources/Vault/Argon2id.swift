internal import CArgon2

/// The password hash that makes guessing a passphrase slow and costs memory: Argon2id version 1.3 (RFC 9106), as the
/// library of its authors computes it.
///
/// It works for tenths of a second, so it is called on the one thread of `Derivations` alone.
enum Argon2id {
    static let saltLength = 16

    /// The key that a passphrase and a salt come to.
    ///
    /// The library wipes its working memory; that memory is far larger than what a process may lock.
    ///
    /// - Parameters:
    ///   - secret: a key that is mixed in; ours has none, the published vectors do.
    ///   - length: bytes of the key.
    /// - Throws: `VaultError.derivationFailed` when the library refuses, for lack of memory above all.
    static func derive(
        from password: [UInt8], salt: [UInt8], cost: (memoryKiB: Int, passes: Int, lanes: Int), secret: [UInt8] = [],
        associated: [UInt8] = [], length: Int = RootKey.length
    ) throws(VaultError) -> Secret {
        guard let memory = UInt32(exactly: cost.memoryKiB), let passes = UInt32(exactly: cost.passes),
            let lanes = UInt32(exactly: cost.lanes)
        else { throw .derivationFailed(code: ARGON2_INCORRECT_PARAMETER.rawValue) }
        var output = [UInt8](repeating: 0, count: length)
        // The library takes what it reads by pointers to what it could change.
        var (password, salt, secret, associated) = (password, salt, secret, associated)
        defer {
            wipe(&output)
            wipe(&password)
            wipe(&secret)
        }
        let code = unsafe output.withUnsafeMutableBufferPointer { output in
            unsafe password.withUnsafeMutableBufferPointer { password in
                unsafe salt.withUnsafeMutableBufferPointer { salt in
                    unsafe secret.withUnsafeMutableBufferPointer { secret in
                        unsafe associated.withUnsafeMutableBufferPointer { associated in
                            var context = unsafe Argon2_Context()
                            unsafe context.out = output.baseAddress
                            unsafe context.outlen = UInt32(clamping: output.count)
                            unsafe context.pwd = password.baseAddress
                            unsafe context.pwdlen = UInt32(clamping: password.count)
                            unsafe context.salt = salt.baseAddress
                            unsafe context.saltlen = UInt32(clamping: salt.count)
                            unsafe context.secret = secret.isEmpty ? nil : secret.baseAddress
                            unsafe context.secretlen = UInt32(clamping: secret.count)
                            unsafe context.ad = associated.isEmpty ? nil : associated.baseAddress
                            unsafe context.adlen = UInt32(clamping: associated.count)
                            unsafe context.t_cost = passes
                            unsafe context.m_cost = memory
                            unsafe context.lanes = lanes
                            unsafe context.threads = 1
                            unsafe context.version = ARGON2_VERSION_13.rawValue
                            unsafe context.flags = 0
                            return unsafe argon2_ctx(&context, Argon2_id)
                        }
                    }
                }
            }
        }
        guard code == ARGON2_OK.rawValue else { throw .derivationFailed(code: code) }
        return Secret(output)
    }
}
