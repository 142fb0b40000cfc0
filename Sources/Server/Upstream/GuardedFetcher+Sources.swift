import AsyncHTTPClient
import NIOSSL
package import OAuth

/// Keys that are not simply on the web: in a file of the server's own, or behind a host that only a private authority
/// vouches for and that wants to be shown a token, as the API server of a Kubernetes cluster does.
extension GuardedFetcher {
    /// Bytes of a token, and of the certificates of an authority.
    private static let longestToken = 16_384
    private static let longestAuthority = 256 * 1024

    package func fetch(_ source: KeySource, maximumBytes: Int) async throws(FetchError) -> [UInt8] {
        switch source.place {
        case .file(let file): return try await read(file, maximumBytes: maximumBytes)
        case .url(let url):
            guard let authority = source.authority else {
                // A token is shown to nobody for whom only the public authorities vouch.
                guard source.token == nil else { throw FetchError("a token needs an authority") }
                return try await fetch(url, allowPrivate: source.allowPrivate, maximumBytes: maximumBytes)
            }
            let access = Access(
                authorities: try await certificates(authority), authorization: try await authorization(source.token)
            )
            return try await fetch(url, allowPrivate: source.allowPrivate, maximumBytes: maximumBytes, with: access)
        }
    }

    /// What it takes to be answered by one host.
    struct Access: Sendable {
        let authorities: [NIOSSLCertificate]
        /// The `Authorization` header.
        let authorization: String?
    }

    private func read(_ file: TrustFile, maximumBytes: Int) async throws(FetchError) -> [UInt8] {
        guard let trust else { throw FetchError("there is no directory of trusted keys here") }
        do {
            return try await trust.read(file, maximumBytes: maximumBytes)
        } catch let error as FetchError {
            throw error
        } catch {
            throw FetchError("the file \(file) cannot be read now")
        }
    }

    private func certificates(_ file: TrustFile) async throws(FetchError) -> [NIOSSLCertificate] {
        let pem = try await read(file, maximumBytes: Self.longestAuthority)
        do {
            let certificates = try NIOSSLCertificate.fromPEMBytes(pem)
            guard !certificates.isEmpty else { throw FetchError("the file \(file) has no certificate") }
            return certificates
        } catch let error as FetchError {
            throw error
        } catch {
            throw FetchError("the file \(file) does not hold PEM certificates")
        }
    }

    private func authorization(_ file: TrustFile?) async throws(FetchError) -> String? {
        guard let file else { return nil }
        var bytes = try await read(file, maximumBytes: Self.longestToken)
        while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty, bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw FetchError("the file \(file) does not hold a token")
        }
        return "Bearer " + String(decoding: bytes, as: UTF8.self)
    }
}
