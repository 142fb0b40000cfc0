import Certificates
import JOSE

/// `tls_client_auth`, `self_signed_tls_client_auth` (RFC 8705 section 2) and `spiffe_x509`
/// (draft-ietf-oauth-spiffe-client-auth section 3.2): the certificate with whose key the client made the TLS handshake.
///
/// `client_id` says who the client wants to be; how it is registered says what the certificate has to show.
package struct CertificateMethod: ClientAuthentication {
    package static let names: [AuthenticationMethod] = [.tlsClientAuth, .selfSignedTLSClientAuth, .spiffeX509]

    private let registry: Registry
    private let keySets: KeySets
    private let svids: X509SVIDVerifier

    package init(registry: Registry, keySets: KeySets, bundles: SPIFFEBundles) {
        self.registry = registry
        self.keySets = keySets
        svids = X509SVIDVerifier(registry: registry, bundles: bundles)
    }

    /// A certificate and a name, and no other kind of proof. Beside an actor token that could be one, the certificate
    /// counts for clients that are registered for it.
    package func isPresented(in request: ClientRequest) -> Bool {
        guard request.presented.certificate != nil, request.authorization == nil,
            request.parameters[.clientID] != nil, request.parameters[.clientSecret] == nil,
            request.parameters[.clientAssertion] == nil, request.parameters[.clientAssertionType] == nil
        else { return false }
        return request.parameters[.actorToken] == nil || Self.isMeant(by: request, in: registry)
    }

    /// Whether the request has a certificate and names a client that authenticates by one.
    static func isMeant(by request: ClientRequest, in registry: Registry) -> Bool {
        guard request.presented.certificate != nil else { return false }
        return named(in: request, registry)?.value.authentication.usesCertificate == true
    }

    /// A SPIFFE ID names the client that it stands for.
    private static func named(in request: ClientRequest, _ registry: Registry) -> Shared<Client>? {
        guard let text = request.parameters[.clientID] else { return nil }
        if let id = ClientID(text) { return registry.shared(id) }
        return SPIFFEID(text).flatMap { registry.client(for: $0) }.flatMap { registry.shared($0.id) }
    }

    package func claimedClient(in request: ClientRequest) -> ClientID? {
        request.parameters[.clientID].flatMap { ClientID($0) } ?? Self.named(in: request, registry)?.value.id
    }

    /// There is no secret in a certificate.
    package func presented(in request: ClientRequest) -> String? { nil }

    package func authenticate(
        _ request: ClientRequest, at now: Timestamp
    ) async throws(OAuthError) -> ProvenClient {
        guard let certificate = request.presented.certificate else {
            throw OAuthError.invalidClient(
                "a client certificate is required: use the endpoint in mtls_endpoint_aliases")
        }
        guard let shared = Self.named(in: request, registry), shared.value.authentication.usesCertificate else {
            throw OAuthError.invalidClient(detail: "no such client that authenticates by a certificate")
        }
        let client = shared.value
        guard certificate.leaf.isValid(at: now.seconds) else {
            throw Self.refusal("it is not valid at this time", certificate)
        }
        var evidence: String?
        switch client.authentication {
        case .tlsClientAuth: try await verifyPKI(certificate, of: client, at: now)
        case .selfSignedTLSClientAuth: try await verifyKey(of: certificate, client)
        default:
            let id = try await svids.verify(certificate, at: now)
            guard registry.client(for: id)?.id == client.id else {
                throw Self.refusal("\(id) does not stand for \(client.id)", certificate)
            }
            if let named = request.parameters[.clientID], named != client.id.text, named != id.text {
                throw Self.refusal("client_id is another SPIFFE ID than that of the certificate", certificate)
            }
            evidence = id.text
        }
        return ProvenClient(shared, method: client.authentication, evidence: evidence)
    }

    /// The registered name in its place, and a path to a configured authority: last, for it costs signatures.
    private func verifyPKI(
        _ certificate: ClientCertificate, of client: Client, at now: Timestamp
    ) async throws(OAuthError) {
        guard let name = client.certificateName, name.matches(certificate.leaf) else {
            throw Self.refusal("it has not the name that the client is registered with", certificate)
        }
        guard let end = await certificate.verifiedUntil, now.seconds <= end else {
            throw Self.refusal("no path leads to a configured authority", certificate)
        }
    }

    /// The key of the certificate is one of those that the client registered; who signed it does not matter.
    private func verifyKey(of certificate: ClientCertificate, _ client: Client) async throws(OAuthError) {
        guard let thumbprint = certificate.leaf.keyThumbprint, let keys = client.keys else {
            throw Self.refusal("its key is of a kind that no client can register", certificate)
        }
        do {
            guard try await keySets.contains(thumbprint, in: keys) else {
                throw Self.refusal("its key is not one that the client registered", certificate)
            }
        } catch let refusal as OAuthError {
            throw refusal
        } catch {
            throw Self.refusal("the client's keys cannot be had: \(error)", certificate)
        }
    }

    static func refusal(_ reason: String, _ certificate: ClientCertificate) -> OAuthError {
        OAuthError.invalidClient(
            "the client certificate was not accepted", detail: "certificate \(certificate.thumbprint): \(reason)"
        )
    }
}
