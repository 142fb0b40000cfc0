import Certificates
package import OAuth

/// The authorities whose client certificates count, read again whenever their file changes.
///
/// They count for our own listener and for certificates that a trusted proxy hands on.
package final class ClientAuthorities: Sendable {
    private static let option = "mtls-client-ca"

    let judge: ClientCertificates
    private let files: WatchedFiles?

    /// - Parameter path: PEM; nil for no authority.
    /// - Throws: `TLSFault` when the file is not usable.
    package init(path: String?, now: @escaping Now) throws(TLSFault) {
        guard let path else {
            files = nil
            judge = ClientCertificates(now: now)
            return
        }
        let files = try WatchedFiles([WatchedFiles.File(option: Self.option, path: path)])
        judge = ClientCertificates(anchors: try Self.anchors(files.first), now: now)
        self.files = files
    }

    /// Reads the file again. Blocking.
    package func reload() -> TLSReload {
        switch files?.look() {
        case nil, .unchanged: return .unchanged
        case .refused(let fault): return .refused(fault)
        case .changed(let contents):
            do throws(TLSFault) {
                judge.replace(try Self.anchors(contents))
                return .changed
            } catch {
                return .refused(error)
            }
        }
    }

    private static func anchors(_ contents: [[UInt8]]) throws(TLSFault) -> TrustAnchors {
        do throws(CertificateFault) {
            var authorities: [ParsedCertificate] = []
            for text in contents {
                for der in try CertificatePEM.certificates(in: String(decoding: text, as: UTF8.self)) {
                    authorities.append(try ParsedCertificate(der: der))
                }
            }
            guard !authorities.isEmpty, authorities.allSatisfy(\.isAuthority) else { throw CertificateFault.malformed }
            return TrustAnchors(authorities)
        } catch {
            throw TLSFault(option, "must hold PEM certificates of certificate authorities, and nothing else")
        }
    }
}
