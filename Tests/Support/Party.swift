package import JOSE
package import OAuth

/// A client as a test plays it: who it is and how it proves that.
package struct Party: Sendable {
    /// How the party authenticates.
    package enum Proof: Sendable {
        /// In the `Authorization` header.
        case basic(String)
        /// In the form.
        case post(String)
        /// By a signed assertion.
        case key(SigningKey)
        /// Not at all.
        case none
    }

    package let id: ClientID
    package var proof: Proof

    package init(_ id: ClientID, _ proof: Proof) {
        self.id = id
        self.proof = proof
    }

    package func with(_ proof: Proof) -> Party { Party(id, proof) }

    /// The secret, when there is one.
    package var secret: String? {
        switch proof {
        case .basic(let secret), .post(let secret): secret
        case .key, .none: nil
        }
    }
}

/// A client assertion (RFC 7523) that starts out right; a test changes one thing.
package struct ClientAssertion {
    package var claims: JSONObject
    package var type: String? = "client-authentication+jwt"
    package let key: SigningKey

    package init(of client: ClientID, for issuer: IssuerURL, key: SigningKey, at now: Timestamp) {
        self.key = key
        claims = [
            "iss": .string(client.text),
            "sub": .string(client.text),
            "aud": .string(issuer.text),
            "iat": .integer(now.seconds),
            "exp": .integer(now.seconds + 60),
            "jti": .string(Unguessable.text(bytes: 16)),
        ]
    }

    package func compact() throws -> String { try key.sign(claims, type: type) }

    /// The two parameters that carry it.
    package func parameters() throws -> [String: String] {
        [
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": try compact(),
        ]
    }
}
