/// Why a key file is refused. Each text says what would be accepted, and repeats nothing of the file.
package enum KeyFileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Too many bytes, or not one of the two formats.
    case unreadable
    case wrongPassphrase
    /// By a method that OpenSSL does not offer any more, or never did.
    case unsupportedEncryption
    /// The passphrase would be worked on for longer than anyone would wait.
    case tooMuchWork
    case notEncrypted
    /// A PKCS#12 file without the code that proves it whole.
    case unprotected
    case publicOnly
    case severalKeys
    /// Another kind of key, by the name that OpenSSL has for it.
    case unsupportedKey(String)
    case unsupportedCurve(String)
    case offCurve
    /// The size of an RSA key in bits.
    case rsaSize(Int)
    case rsaExponent
    /// The numbers of the key do not belong together.
    case inconsistent
    case otherCertificate

    /// The words after the name of the field.
    package var description: String {
        switch self {
        case .unreadable:
            "must be a PEM file with an encrypted PKCS#8 key, or a PKCS#12 file, of at most \(KeyFile.longest) bytes"
        case .wrongPassphrase: "does not open the file"
        case .unsupportedEncryption:
            "is encrypted by a method that is not supported: export it again with AES-256, such as openssl pkcs8 -topk8 "
                + "-v2 aes-256-cbc, for PKCS#12 openssl pkcs12 -export without -legacy"
        case .tooMuchWork:
            "asks for more than \(KeyFile.mostRounds) rounds of key derivation: export it again with fewer"
        case .notEncrypted:
            "holds a private key that is not encrypted: protect it with openssl pkcs8 -topk8 -v2 aes-256-cbc, and destroy "
                + "this file"
        case .unprotected: "is a PKCS#12 file without an integrity code: export it again with one"
        case .publicOnly: "holds no private key: a public key or a certificate alone signs nothing"
        case .severalKeys: "holds more than one private key: bring them one by one"
        case .unsupportedKey(let kind):
            "holds a key of type \(kind): it must be EC P-256, Ed25519, or RSA from \(KeyFile.rsaSizes.lowerBound) bits"
        case .unsupportedCurve(let curve): "holds a key on the curve \(curve): it must be P-256"
        case .offCurve: "holds a public point that is not on its curve"
        case .rsaSize(let bits):
            "holds an RSA key of \(bits) bits: it must have \(KeyFile.rsaSizes.lowerBound) to "
                + "\(KeyFile.rsaSizes.upperBound)"
        case .rsaExponent: "holds an RSA key whose public exponent is not odd and from 65537 to 2^32"
        case .inconsistent: "holds a key whose numbers do not belong together: it was damaged"
        case .otherCertificate: "holds certificates, and none of them is for the key"
        }
    }
}
