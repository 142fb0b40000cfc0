import NIOSSL
import Synchronization

/// What TLS is served with, read again whenever the files change (BCP 195).
///
/// Connections under way keep what they were made with; new ones get what was read last. Files that do not make a whole
/// and fitting set change nothing: an operator's slip must not take the server down.
package final class ServerTLS: Sendable {
    /// One context for each way to listen.
    private struct Contexts: Sendable {
        let plain: NIOSSLContext
        /// Asks the peer for a certificate.
        let mutual: NIOSSLContext
        /// Seconds since 1970.
        let notAfter: Int64
    }

    private let files: WatchedFiles
    private let contexts: Mutex<Contexts>

    /// - Parameters:
    ///   - certificate: path of a PEM file, the server's own certificate first.
    ///   - key: path of a PEM file, without a passphrase.
    /// - Throws: `TLSFault` naming the option whose file is not usable.
    package init(certificate: String, key: String) throws(TLSFault) {
        files = try WatchedFiles([
            WatchedFiles.File(option: "tls-certificate", path: certificate),
            WatchedFiles.File(option: "tls-key", path: key),
        ])
        contexts = Mutex(try Self.contexts(files.first))
    }

    /// When the certificate that is served ends, in seconds since 1970.
    package var notAfter: Int64 { contexts.withLock { $0.notAfter } }

    func context(asksForCertificate: Bool) -> NIOSSLContext {
        contexts.withLock { asksForCertificate ? $0.mutual : $0.plain }
    }

    /// Reads the files again. Blocking.
    package func reload() -> TLSReload {
        switch files.look() {
        case .unchanged: return .unchanged
        case .refused(let fault): return .refused(fault)
        case .changed(let contents):
            do throws(TLSFault) {
                let new = try Self.contexts(contents)
                contexts.withLock { $0 = new }
                return .changed
            } catch {
                return .refused(error)
            }
        }
    }

    private static func contexts(_ contents: [[UInt8]]) throws(TLSFault) -> Contexts {
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMBytes(contents.first ?? [])
        } catch {
            throw TLSFault("tls-certificate", "is not a readable PEM certificate chain")
        }
        guard let first = chain.first else {
            throw TLSFault("tls-certificate", "holds no certificate in PEM")
        }
        let key: NIOSSLPrivateKey
        do {
            key = try NIOSSLPrivateKey(bytes: contents.last ?? [], format: .pem)
        } catch {
            throw TLSFault("tls-key", "is not a readable PEM private key without a passphrase")
        }
        do {
            return Contexts(
                plain: try NIOSSLContext(configuration: .legate(chain, key, asksForCertificate: false)),
                mutual: try NIOSSLContext(configuration: .legate(chain, key, asksForCertificate: true)),
                notAfter: Int64(first.notValidAfter)
            )
        } catch {
            throw TLSFault("tls-key", "is not the key of the certificate")
        }
    }
}
