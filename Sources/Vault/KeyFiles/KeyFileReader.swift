internal import COpenSSL

/// Finds the private key and the certificates of a key file. OpenSSL does the parsing.
///
/// Whatever it allocates is freed here, private parts overwritten; nothing of OpenSSL leaves this file and
/// `KeyFileReader+Key.swift`.
enum KeyFileReader {
    /// A private key as bytes; whoever takes them wipes them.
    struct Found {
        let kind: KeyFile.Kind
        var bytes: [UInt8]
    }

    /// What was found so far. Keys and certificates are OpenSSL's, and freed with it.
    @safe final class Contents {
        private(set) var keys: [OpaquePointer] = unsafe []
        private(set) var certificates: [OpaquePointer] = unsafe []
        /// A public key, which alone is of no use.
        var hasPublicKey = false
        /// Rounds of key derivation that the rest of the file may ask for.
        private var budget = KeyFile.mostRounds

        func addKey(_ key: OpaquePointer) { unsafe keys.append(key) }
        func addCertificate(_ certificate: OpaquePointer) { unsafe certificates.append(certificate) }

        /// - Throws: when the file asks for more work than it may, or for something that is not understood.
        func spend(_ rounds: Int) throws(KeyFileError) {
            guard rounds >= 0 else { throw .unsupportedEncryption }
            guard rounds <= budget else { throw .tooMuchWork }
            budget -= rounds
        }

        deinit {
            unsafe keys.forEach { unsafe EVP_PKEY_free($0) }
            unsafe certificates.forEach { unsafe X509_free($0) }
        }
    }

    static func read(_ file: [UInt8], passphrase: [UInt8]) throws(KeyFileError) -> Found {
        ERR_clear_error()
        defer { ERR_clear_error() }
        let contents = Contents()
        if isPEM(file) {
            try readPEM(file, passphrase, into: contents)
        } else {
            try readPKCS12(file, passphrase, into: contents)
        }
        guard unsafe contents.keys.count <= 1 else { throw .severalKeys }
        guard let key = unsafe contents.keys.first else { throw .publicOnly }
        let found = try unsafe export(key)
        let certificates = unsafe contents.certificates
        let isForKey = unsafe certificates.contains { unsafe X509_check_private_key($0, key) == 1 }
        guard unsafe certificates.isEmpty || isForKey else {
            var found = found
            wipe(&found.bytes)
            throw .otherCertificate
        }
        return found
    }

    private static func isPEM(_ file: [UInt8]) -> Bool {
        let mark = Array("-----BEGIN ".utf8)
        guard file.count > mark.count else { return false }
        return (0...file.count - mark.count).contains { file[$0...].starts(with: mark) }
    }

    // MARK: PEM

    private static func readPEM(
        _ file: [UInt8], _ passphrase: [UInt8], into contents: Contents
    ) throws(KeyFileError) {
        guard let input = unsafe BIO_new(BIO_s_mem()) else { throw .unreadable }
        defer { unsafe BIO_free(input) }
        guard unsafe BIO_write(input, file, Int32(clamping: file.count)) == file.count else { throw .unreadable }
        for _ in 0..<KeyFile.mostParts {
            var name: UnsafeMutablePointer<CChar>?
            var header: UnsafeMutablePointer<CChar>?
            var data: UnsafeMutablePointer<UInt8>?
            var count = 0
            guard unsafe PEM_read_bio(input, &name, &header, &data, &count) == 1 else { break }
            defer {
                unsafe COpenSSL_free(name)
                unsafe COpenSSL_free(header)
                unsafe COpenSSL_clear_free(data, max(0, count))
            }
            guard let name = unsafe name, let data = unsafe data, count > 0 else { throw .unreadable }
            let isOldEncryption = unsafe header.map { unsafe $0.pointee != 0 } ?? false
            let part = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
            try readPart(unsafe String(cString: name), part, isOldEncryption, passphrase, into: contents)
        }
        guard unsafe !contents.keys.isEmpty || !contents.certificates.isEmpty || contents.hasPublicKey else {
            throw .unreadable
        }
    }

    /// One block of a PEM file, by its label (RFC 7468).
    private static func readPart(
        _ label: String, _ part: [UInt8], _ isOldEncryption: Bool, _ passphrase: [UInt8], into contents: Contents
    ) throws(KeyFileError) {
        switch label {
        case "ENCRYPTED PRIVATE KEY":
            let box = unsafe part.withUnsafeBufferPointer { bytes in
                var position = bytes.baseAddress
                return unsafe d2i_X509_SIG(nil, &position, bytes.count)
            }
            guard let box = unsafe box else { throw .unreadable }
            defer { unsafe X509_SIG_free(box) }
            try unsafe decrypt(box, passphrase, into: contents)
        case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
            let certificate = unsafe part.withUnsafeBufferPointer { bytes in
                var position = bytes.baseAddress
                return unsafe d2i_X509(nil, &position, bytes.count)
            }
            guard let certificate = unsafe certificate else { throw .unreadable }
            unsafe contents.addCertificate(certificate)
        case "PUBLIC KEY", "RSA PUBLIC KEY": contents.hasPublicKey = true
        default:
            // Other programs' own formats, in the clear or under a passphrase that one round of MD5 protects.
            if label.hasSuffix("PRIVATE KEY") { throw isOldEncryption ? .unsupportedEncryption : .notEncrypted }
        }
    }

    /// Opens an encrypted PKCS#8 key.
    private static func decrypt(
        _ box: OpaquePointer, _ passphrase: [UInt8], into contents: Contents
    ) throws(KeyFileError) {
        var algorithm: UnsafePointer<X509_ALGOR>?
        unsafe X509_SIG_get0(box, &algorithm, nil)
        try contents.spend(unsafe COpenSSL_rounds(algorithm))
        let opened = unsafe passphrase.withUnsafeBytes { bytes in
            unsafe PKCS8_decrypt(
                box, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(clamping: bytes.count)
            )
        }
        guard let opened = unsafe opened else { throw afterFailedDecryption() }
        defer { unsafe PKCS8_PRIV_KEY_INFO_free(opened) }
        try unsafe take(opened, into: contents)
    }

    private static func take(_ opened: OpaquePointer, into contents: Contents) throws(KeyFileError) {
        guard let key = unsafe EVP_PKCS82PKEY(opened) else {
            let errors = takenErrors()
            throw errors.contains { $0.library == ERR_LIB_EC && $0.reason == EC_R_POINT_IS_NOT_ON_CURVE }
                ? .offCurve : .inconsistent
        }
        unsafe contents.addKey(key)
    }

    // MARK: PKCS#12

    private static func readPKCS12(
        _ file: [UInt8], _ passphrase: [UInt8], into contents: Contents
    ) throws(KeyFileError) {
        let parsed = unsafe file.withUnsafeBufferPointer { bytes in
            var position = bytes.baseAddress
            return unsafe d2i_PKCS12(nil, &position, bytes.count)
        }
        guard let parsed = unsafe parsed else { throw .unreadable }
        defer { unsafe PKCS12_free(parsed) }
        let rounds = unsafe COpenSSL_mac_rounds(parsed)
        guard rounds >= 0 else { throw .unprotected }
        try contents.spend(rounds)
        let isRight = unsafe lend(passphrase) { unsafe PKCS12_verify_mac(parsed, $0, $1) == 1 }
        guard isRight else { throw afterFailedDecryption() }
        guard let safes = unsafe PKCS12_unpack_authsafes(parsed) else { throw .unreadable }
        defer { unsafe COpenSSL_free_safes(safes) }
        let count = unsafe COpenSSL_count_safes(safes)
        guard count <= KeyFile.mostParts else { throw .unreadable }
        for index in 0..<max(0, count) {
            guard let safe = unsafe COpenSSL_safe(safes, index) else { throw .unreadable }
            try unsafe readSafe(safe, passphrase, into: contents)
        }
    }

    private static func readSafe(
        _ safe: UnsafeMutablePointer<PKCS7>, _ passphrase: [UInt8], into contents: Contents
    ) throws(KeyFileError) {
        let isPlain = unsafe COpenSSL_is_plain(safe) == 1
        let bags: OpaquePointer?
        if isPlain {
            unsafe bags = PKCS12_unpack_p7data(safe)
        } else {
            // Encrypted for a certificate's key, if it is not with a passphrase.
            guard let algorithm = unsafe COpenSSL_encryption(safe) else { throw .unsupportedEncryption }
            try contents.spend(unsafe COpenSSL_rounds(algorithm))
            unsafe bags = lend(passphrase) { unsafe PKCS12_unpack_p7encdata(safe, $0, $1) }
        }
        guard let bags = unsafe bags else { throw afterFailedDecryption() }
        defer { unsafe COpenSSL_free_bags(bags) }
        let count = unsafe COpenSSL_count_bags(bags)
        guard count <= KeyFile.mostParts else { throw .unreadable }
        for index in 0..<max(0, count) {
            guard let bag = unsafe COpenSSL_bag(bags, index) else { throw .unreadable }
            try unsafe readBag(bag, isPlain: isPlain, passphrase, into: contents)
        }
    }

    private static func readBag(
        _ bag: OpaquePointer, isPlain: Bool, _ passphrase: [UInt8], into contents: Contents
    ) throws(KeyFileError) {
        switch unsafe PKCS12_SAFEBAG_get_nid(bag) {
        case NID_pkcs8ShroudedKeyBag:
            guard let box = unsafe PKCS12_SAFEBAG_get0_pkcs8(bag) else { throw .unreadable }
            try unsafe decrypt(box, passphrase, into: contents)
        case NID_keyBag:
            guard !isPlain else { throw .notEncrypted }
            guard let opened = unsafe PKCS12_SAFEBAG_get0_p8inf(bag) else { throw .unreadable }
            try unsafe take(opened, into: contents)
        case NID_certBag where unsafe PKCS12_SAFEBAG_get_bag_nid(bag) == NID_x509Certificate:
            guard let certificate = unsafe PKCS12_SAFEBAG_get1_cert(bag) else { throw .unreadable }
            unsafe contents.addCertificate(certificate)
        // Bags within bags: nothing makes them, and a second key could hide there.
        case NID_safeContentsBag: throw .unreadable
        default: break
        }
    }

    // MARK: What both need

    private static func lend<Value>(
        _ passphrase: [UInt8], _ body: (UnsafePointer<CChar>?, Int32) -> Value
    ) -> Value {
        unsafe passphrase.withUnsafeBytes { bytes in
            unsafe body(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(clamping: bytes.count))
        }
    }

    /// The wrong passphrase, unless OpenSSL says that it does not know the method.
    private static func afterFailedDecryption() -> KeyFileError {
        let unknown: Set<Int32> = [
            unsupported, EVP_R_UNKNOWN_PBE_ALGORITHM, EVP_R_UNSUPPORTED_CIPHER,
            EVP_R_UNSUPPORTED_KEY_DERIVATION_FUNCTION, EVP_R_UNSUPPORTED_PRF, EVP_R_UNKNOWN_CIPHER,
        ]
        return takenErrors().contains { $0.library == ERR_LIB_EVP && unknown.contains($0.reason) }
            ? .unsupportedEncryption : .wrongPassphrase
    }

    private static var unsupported: Int32 { Int32(clamping: COpenSSL_unsupported) }

    /// What OpenSSL complained of on this thread, which it then forgets.
    private static func takenErrors() -> [(library: Int32, reason: Int32)] {
        var errors: [(library: Int32, reason: Int32)] = []
        while true {
            let code = ERR_get_error()
            if code == 0 { return errors }
            errors.append((ERR_GET_LIB(code), ERR_GET_REASON(code)))
        }
    }
}
