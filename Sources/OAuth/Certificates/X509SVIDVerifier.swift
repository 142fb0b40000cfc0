import Certificates

/// Verifies X.509-SVIDs (SPIFFE X509-SVID sections 2 to 5) against the bundle of their own trust domain alone.
struct X509SVIDVerifier: Sendable {
    private let registry: Registry
    private let bundles: SPIFFEBundles

    init(registry: Registry, bundles: SPIFFEBundles) {
        self.registry = registry
        self.bundles = bundles
    }

    /// The workload that the certificate is for.
    ///
    /// - Throws: `invalid_client`; why stands in its detail.
    func verify(_ certificate: ClientCertificate, at now: Timestamp) async throws(OAuthError) -> SPIFFEID {
        let leaf = certificate.leaf
        guard leaf.uris.count == 1, let uri = leaf.uris.first, let id = SPIFFEID(uri), !id.path.isEmpty else {
            throw CertificateMethod.refusal("it has not exactly one URI, the SPIFFE ID of a workload", certificate)
        }
        guard !leaf.isAuthority, !leaf.mayCertify, leaf.maySign else {
            throw CertificateMethod.refusal("it is an authority's, or not for signatures", certificate)
        }
        // Nobody's certificates are verified for a workload that stands for nobody.
        guard registry.client(for: id)?.authentication == .spiffeX509 else {
            throw CertificateMethod.refusal("\(id) stands for no client with spiffe_x509", certificate)
        }
        let anchors: TrustAnchors
        do throws(CertificateFault) {
            anchors = try TrustAnchors(der: await bundles.loadedAuthorities(of: id.trustDomain))
        } catch {
            throw CertificateMethod.refusal("an authority of the trust domain cannot be read: \(error)", certificate)
        }
        do throws(UntrustedChain) {
            _ = try await anchors.verify(certificate.chain, at: now.seconds)
        } catch {
            throw CertificateMethod.refusal("\(error)", certificate)
        }
        return id
    }
}
