internal import COpenSSL

extension KeyFileReader {
    /// The bytes of a private key, when it is one that Legate signs with.
    static func export(_ key: OpaquePointer) throws(KeyFileError) -> Found {
        switch unsafe EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_EC:
            let curve = unsafe curve(of: key)
            guard curve == "prime256v1" else { throw .unsupportedCurve(curve) }
            try unsafe check(key)
            return Found(kind: .p256, bytes: try unsafe number(OSSL_PKEY_PARAM_PRIV_KEY, of: key, bytes: 32))
        case EVP_PKEY_ED25519: return Found(kind: .ed25519, bytes: try unsafe seed(of: key))
        case EVP_PKEY_RSA:
            let bits = Int(unsafe EVP_PKEY_get_bits(key))
            guard KeyFile.rsaSizes.contains(bits) else { throw .rsaSize(bits) }
            let exponent = (try? unsafe number(OSSL_PKEY_PARAM_RSA_E, of: key, bytes: 8)) ?? []
            let value = exponent.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard value & 1 == 1, (65_537...(1 << 32)).contains(value) else { throw .rsaExponent }
            try unsafe check(key)
            return Found(kind: .rsa, bytes: try unsafe pkcs1(of: key))
        default:
            throw .unsupportedKey(unsafe EVP_PKEY_get0_type_name(key).map { unsafe String(cString: $0) } ?? "unknown")
        }
    }

    /// - Throws: `.inconsistent` when the private half is not that of the public one, or a number is out of range.
    private static func check(_ key: OpaquePointer) throws(KeyFileError) {
        guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key, nil) else { throw .inconsistent }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_check(context) == 1 else { throw .inconsistent }
    }

    private static func curve(of key: OpaquePointer) -> String {
        var name = [CChar](repeating: 0, count: 64)
        var count = 0
        guard unsafe EVP_PKEY_get_group_name(key, &name, 64, &count) == 1, (1..<64).contains(count) else {
            return "with its own parameters"
        }
        return String(decoding: name.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A number of the key with leading zeros.
    private static func number(_ name: String, of key: OpaquePointer, bytes count: Int) throws(KeyFileError) -> [UInt8]
    {
        var number: OpaquePointer?
        guard unsafe EVP_PKEY_get_bn_param(key, name, &number) == 1, let number = unsafe number else {
            throw .inconsistent
        }
        defer { unsafe BN_clear_free(number) }
        var bytes = [UInt8](repeating: 0, count: count)
        guard unsafe BN_bn2binpad(number, &bytes, Int32(clamping: count)) == count else { throw .inconsistent }
        return bytes
    }

    private static func seed(of key: OpaquePointer) throws(KeyFileError) -> [UInt8] {
        var seed = [UInt8](repeating: 0, count: 32)
        var count = 32
        guard unsafe EVP_PKEY_get_raw_private_key(key, &seed, &count) == 1, count == 32 else { throw .inconsistent }
        return seed
    }

    private static func pkcs1(of key: OpaquePointer) throws(KeyFileError) -> [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = Int(unsafe i2d_PrivateKey(key, &bytes))
        guard count > 0, let bytes = unsafe bytes else { throw .inconsistent }
        defer { unsafe COpenSSL_clear_free(bytes, count) }
        return unsafe [UInt8](UnsafeBufferPointer(start: bytes, count: count))
    }
}
