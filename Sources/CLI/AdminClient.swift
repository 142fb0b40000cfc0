import JOSE
import OAuth
import Synchronization

/// The server as its clients see it: the OAuth endpoints, and Legate's own APIs with tokens obtained like any other.
final class AdminClient: Sendable {
    let profile: Profile
    let transport: Transport
    private let state = Mutex(State())

    private struct State {
        var discovery: Discovery?
        var proofKey: ProofKey?
        var tokens: [OwnAPI: (text: String, expires: ContinuousClock.Instant)] = [:]
    }

    /// Lists and long audit records are bigger than what a server would read.
    private static let limits = JSONLimits(depth: 64, values: 10_000_000)

    init(profile: Profile, transport: Transport) {
        self.profile = profile
        self.transport = transport
    }

    /// The profile's own credentials.
    func credentials() throws(CommandFailure) -> Credentials {
        guard let credentials = profile.credentials else {
            throw CommandFailure(
                "no credentials: set LEGATE_PROFILE, or LEGATE_CLIENT_ID and LEGATE_CLIENT_SECRET"
            )
        }
        return credentials
    }

    /// The key that the profile's tokens are bound to, read once; nil when there is none.
    private func proofKey() throws(CommandFailure) -> ProofKey? {
        guard let file = profile.credentials?.proofKeyFile else { return nil }
        if let known = state.withLock({ $0.proofKey }) { return known }
        let key = try ProofKey(file: file)
        state.withLock { $0.proofKey = key }
        return key
    }

    // MARK: OAuth

    /// The server's metadata, fetched once.
    func discovery() async throws -> Discovery {
        if let known = state.withLock({ $0.discovery }) { return known }
        let answer = try await transport.send("GET", Discovery.url(of: profile.server))
        guard let document = try json(answer).object else {
            throw CommandFailure("\(profile.server) answers, but not as an authorization server")
        }
        let discovery = try Discovery(document, of: profile.server)
        state.withLock { $0.discovery = discovery }
        return discovery
    }

    /// Posts a form as a client and gives back the JSON of a good answer; `.null` when it has no body.
    ///
    /// - Throws: `ServerRefusal` with the OAuth error.
    func post(
        to endpoint: String, _ form: [(name: String, value: String)], as client: Credentials,
        proving key: ProofKey? = nil
    ) async throws -> JSON {
        let headers = [(name: "Authorization", value: client.basic), (name: "Accept", value: "application/json")]
        for isLast in [false, true] {
            let proof = try key.map { [try $0.header("POST", endpoint, token: nil)] } ?? []
            let answer = try await transport.send("POST", endpoint, headers: headers + proof, body: .form(form))
            if isLast || key?.learn(from: answer) != true { return try json(answer) }
        }
        throw CommandFailure("the server asks for one nonce after the other")
    }

    /// Asks for a token (RFC 6749, 4.4; RFC 8693).
    ///
    /// - Parameter key: what the token is to be bound to (RFC 9449).
    func token(
        _ form: [(name: String, value: String)], as client: Credentials, proving key: ProofKey? = nil
    ) async throws -> JSONObject {
        guard let answer = try await post(to: discovery().tokenEndpoint, form, as: client, proving: key).object else {
            throw CommandFailure("the token endpoint did not answer with a JSON object")
        }
        return answer
    }

    /// What a token is worth now (RFC 7662).
    func introspect(_ token: String, as client: Credentials) async throws -> JSONObject {
        let form = [(name: "token", value: token)]
        guard let answer = try await post(to: discovery().introspectionEndpoint, form, as: client).object else {
            throw CommandFailure("the introspection endpoint did not answer with a JSON object")
        }
        return answer
    }

    /// The server's public keys.
    func keys() async throws -> JWKSet {
        let document = try json(try await transport.send("GET", discovery().keysURL))
        do {
            return try JWKSet(json: document)
        } catch {
            throw CommandFailure("the key set of \(profile.server) is not usable: \(error)")
        }
    }

    // MARK: Legate's own APIs

    func get(
        _ path: String, _ query: [(name: String, value: String?)] = [], at api: OwnAPI = .admin
    ) async throws -> JSON {
        try json(try await call("GET", path, at: api, query: query))
    }

    func post(_ path: String, _ body: JSONObject) async throws -> JSON {
        try json(try await call("POST", path, body: body))
    }

    func delete(_ path: String) async throws {
        _ = try json(try await call("DELETE", path))
    }

    /// Reads an object and changes the given members, unless somebody else changed it in between.
    func update(_ path: String, _ patch: JSONObject, at api: OwnAPI = .admin) async throws -> JSON {
        let current = try await call("GET", path, at: api)
        let known = try json(current)
        if patch.isEmpty { return known }
        return try json(try await call("PATCH", path, at: api, body: patch, ifMatch: current.eTag))
    }

    /// A list, page after page, up to the limit. `next` is that of the last page.
    func list(
        _ path: String, _ query: [(name: String, value: String?)] = [], _ options: ListOptions,
        at api: OwnAPI = .admin
    ) async throws -> JSON {
        let limit = options.limit ?? ListOptions.usual
        var items: [JSON] = []
        var cursor = options.cursor
        repeat {
            let page = try await get(
                path, query + [("limit", String(min(1000, limit - items.count))), ("cursor", cursor)], at: api
            )
            guard let found = page.object?["items"]?.array else {
                throw CommandFailure("\(profile.server) did not answer with a list")
            }
            items += found
            let next = page.object?["next"]?.string
            guard next != cursor || next == nil else { throw CommandFailure("the list does not advance") }
            cursor = next
        } while cursor != nil && items.count < limit
        return .object(["items": .array(items), "next": cursor.map(JSON.string) ?? .null])
    }

    /// Hands over the bytes of a long answer as they come.
    func stream(
        _ path: String, _ query: [(name: String, value: String?)] = [], method: String = "GET",
        _ take: ([UInt8]) throws -> Void
    ) async throws {
        let key = try proofKey()
        let address = url(path, at: .admin, query)
        for isLast in [false, true] {
            let headers = try authorization(method, address, try await token(for: .admin), key)
            let answer = try await transport.stream(address, method: method, headers: headers, take)
            if answer.status == 200 { return }
            if isLast || key?.learn(from: answer) != true {
                throw ServerRefusal(status: answer.status, body: answer.bytes)
            }
        }
    }

    /// One call to one of Legate's own APIs.
    ///
    /// - Parameter given: a token to use; without one, the profile's credentials get one for this API.
    func call(
        _ method: String, _ path: String, at api: OwnAPI = .admin, query: [(name: String, value: String?)] = [],
        body: JSONObject? = nil, ifMatch: String? = nil, with given: String? = nil
    ) async throws -> Transport.Answer {
        let type = method == "PATCH" ? "application/merge-patch+json" : "application/json"
        let body = body.map { Transport.Body(type: type, bytes: $0.serialized) }
        let key = given == nil ? try proofKey() : nil
        let address = url(path, at: api, query)
        for attempt in 1...3 {
            let token = if let given { given } else { try await token(for: api) }
            var headers = try authorization(method, address, token, key)
            if let ifMatch { headers.append(("If-Match", ifMatch)) }
            let answer = try await transport.send(method, address, headers: headers, body: body)
            let needsNonce = key?.learn(from: answer) ?? false
            if answer.status != 401 || attempt == 3 || given != nil { return answer }
            if needsNonce { continue }
            // The token was ended before its time; a new one may do.
            state.withLock { $0.tokens[api] = nil }
        }
        throw CommandFailure("the server does not accept its own token")
    }

    /// A token for one of the APIs, used until shortly before it expires.
    private func token(for api: OwnAPI) async throws -> String {
        let clock = ContinuousClock()
        if let token = state.withLock({ $0.tokens[api] }), clock.now < token.expires { return token.text }
        let asked = clock.now
        let resource = api.resource(of: profile.server)
        let answer = try await token(
            [("grant_type", "client_credentials"), ("resource", resource)], as: try credentials(),
            proving: try proofKey()
        )
        guard let text = answer["access_token"]?.string else {
            throw CommandFailure("the token endpoint answered without a token")
        }
        let life = Double(answer["expires_in"]?.integer ?? 60) * 0.8
        state.withLock { $0.tokens[api] = (text, asked + .seconds(life)) }
        return text
    }

    /// How a token is presented: with a proof when it is bound to a key.
    private func authorization(
        _ method: String, _ url: String, _ token: String, _ key: ProofKey?
    ) throws -> [(name: String, value: String)] {
        guard let key else { return [("Authorization", "Bearer " + token)] }
        return [("Authorization", "DPoP " + token), try key.header(method, url, token: token)]
    }

    private func url(_ path: String, at api: OwnAPI, _ query: [(name: String, value: String?)]) -> String {
        let pairs = query.compactMap { pair in pair.value.map { (name: pair.name, value: $0) } }
        let address = api.resource(of: profile.server) + "/" + path
        return pairs.isEmpty ? address : address + "?" + FormText.encode(pairs)
    }

    /// The JSON of a good answer; `.null` when it has no body.
    func json(_ answer: Transport.Answer) throws -> JSON {
        guard (200..<300).contains(answer.status) else {
            throw ServerRefusal(status: answer.status, body: answer.bytes)
        }
        if answer.bytes.isEmpty { return .null }
        do {
            return try JSON(parsing: answer.bytes, limits: Self.limits)
        } catch {
            throw CommandFailure("the answer of \(profile.server) is not JSON: \(error)")
        }
    }
}

extension String {
    /// The text as one segment of a path.
    var segment: String { FormText.encode(self) }
}
