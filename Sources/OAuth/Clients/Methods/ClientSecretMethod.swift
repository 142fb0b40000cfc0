import JOSE
import Vault

/// `client_secret_basic` and `client_secret_post` (OAuth 2.1 section 2.4.1): the same secret, in the header or the form.
package struct ClientSecretMethod: ClientAuthentication {
    package static let names: [AuthenticationMethod] = [.clientSecretBasic, .clientSecretPost]
    package static let isCheap = true
    /// Whoever confuses the two has the secret in the place of the name.
    package static let namesClaimed = false

    private let registry: Registry
    private let digests: DigestKey
    private let succession: SecretSuccession

    init(registry: Registry, digests: DigestKey, succession: SecretSuccession) {
        self.registry = registry
        self.digests = digests
        self.succession = succession
    }

    package func isPresented(in request: ClientRequest) -> Bool {
        isBasic(request.authorization) || request.parameters[.clientSecret] != nil
    }

    package func claimedClient(in request: ClientRequest) -> ClientID? {
        if isBasic(request.authorization) {
            return (try? basic(in: request)).flatMap { ClientID($0.id) }
        }
        return request.parameters[.clientID].flatMap { ClientID($0) }
    }

    package func presented(in request: ClientRequest) -> String? {
        if isBasic(request.authorization) { return (try? basic(in: request))?.secret }
        return request.parameters[.clientSecret]
    }

    package func authenticate(
        _ request: ClientRequest, at now: Timestamp
    ) async throws(OAuthError) -> ProvenClient {
        let id: String
        let secret: String
        let method: AuthenticationMethod
        if isBasic(request.authorization) {
            guard request.parameters[.clientSecret] == nil else {
                throw OAuthError(.invalidRequest, "the client secret is both in the header and in the form")
            }
            (id, secret) = try basic(in: request)
            method = .clientSecretBasic
            if let inForm = request.parameters[.clientID], inForm != id {
                throw OAuthError(.invalidRequest, "client_id differs between the header and the form")
            }
        } else {
            guard request.authorization == nil else {
                throw OAuthError(.invalidRequest, "more than one client authentication method in one request")
            }
            id = try request.parameters.required(.clientID)
            secret = try request.parameters.required(.clientSecret)
            method = .clientSecretPost
        }
        guard let clientID = ClientID(id) else { throw OAuthError.invalidClient() }
        let shared = registry.shared(clientID)
        let usable = shared?.value.authentication == .clientSecretBasic
        let known = usable ? shared?.value.secrets ?? [] : []
        // An unknown client costs the same digest as a known one.
        let match = digests.match(secret, context: clientID.text, digests: known.map(\.digest))
        guard let shared, let match, known.indices.contains(match) else { throw OAuthError.invalidClient() }
        let presented = known[match]
        guard presented.isLive(at: now) else { throw OAuthError.endedSecret(presented, of: shared.value) }
        if match == 0, known.count > 1 { try await succession.use(presented, of: shared.value, at: now) }
        return ProvenClient(shared, method: method, secret: presented)
    }

    private static let scheme = Array("basic ".utf8)

    private func isBasic(_ authorization: String?) -> Bool {
        guard let authorization else { return false }
        let start = authorization.utf8.prefix(6)
        // ASCII letters differ from their capitals in one bit.
        return start.count == 6 && zip(start, Self.scheme).allSatisfy { $0 | 0x20 == $1 }
    }

    /// `base64(form-encode(id) ":" form-encode(secret))`.
    private func basic(in request: ClientRequest) throws(OAuthError) -> (id: String, secret: String) {
        func refusal() -> OAuthError {
            OAuthError.invalidClient("the \(request.authorizationField) header is not Basic credentials")
        }
        let encoded = (request.authorization ?? "").utf8.dropFirst(6).drop { $0 == 0x20 }
        guard let bytes = Base64.decode(encoded), let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else {
            throw refusal()
        }
        do throws(OAuthError) {
            let id = try Parameters.decode(bytes[..<colon])
            let secret = try Parameters.decode(bytes[(colon + 1)...])
            return (id, secret)
        } catch {
            throw refusal()
        }
    }
}

/// Standard base64 (RFC 4648 section 4) for the Basic scheme, through the strict base64url reader.
private enum Base64 {
    static func decode(_ text: Substring.UTF8View) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        for byte in text {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: "-"))
            case UInt8(ascii: "/"): bytes.append(UInt8(ascii: "_"))
            case UInt8(ascii: "-"), UInt8(ascii: "_"): return nil
            default: bytes.append(byte)
            }
        }
        var padding = 0
        while bytes.last == UInt8(ascii: "="), padding < 2 {
            bytes.removeLast()
            padding += 1
        }
        return Base64URL.decode(bytes)
    }
}
