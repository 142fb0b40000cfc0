package import JOSE

/// Everything in an access token by which it can be revoked, as it stands in the claims.
package struct RevocableIDs: Sendable, Equatable {
    /// One acting party of the `act` claim (RFC 8693 section 4.1).
    package struct Actor: Sendable, Equatable {
        package let clientID: String
        /// `CLIENT/NAME`, when an instance was named.
        package let agentID: String?

        package init(clientID: String, agentID: String?) {
            self.clientID = clientID
            self.agentID = agentID
        }
    }

    package var jti: String
    /// Whole seconds since 1970.
    package var issuedAt: Int64
    package var keyID: String?
    /// A client id, or `ISSUER|SUB` for a user.
    package var subject: String
    package var clientID: String
    package var agentID: String?
    package var delegationID: String?
    package var task: String?
    package var session: String?
    /// Most recent first.
    package var actors: [Actor]

    /// A sixth `act` object is refused.
    package static let maximumActors = 5

    package init(
        jti: String, issuedAt: Int64, keyID: String?, subject: String, clientID: String, agentID: String?,
        delegationID: String?, task: String?, session: String?, actors: [Actor]
    ) {
        self.jti = jti
        self.issuedAt = issuedAt
        self.keyID = keyID
        self.subject = subject
        self.clientID = clientID
        self.agentID = agentID
        self.delegationID = delegationID
        self.task = task
        self.session = session
        self.actors = actors
    }

    /// Reads the claims of a verified access token.
    ///
    /// - Throws: `JWTError.badClaim`: what cannot be read could not be revoked.
    package init(_ token: VerifiedJWT) throws(JWTError) {
        func required(_ claim: String) throws(JWTError) -> String {
            guard let text = try token.string(claim), !text.isEmpty else { throw .badClaim(claim) }
            return text
        }
        guard let issuedAt = try token.time("iat") else { throw .badClaim("iat") }
        self.init(
            jti: try required("jti"), issuedAt: issuedAt, keyID: token.header.keyID, subject: try required("sub"),
            clientID: try required("client_id"), agentID: try token.string("agent_id"),
            delegationID: try token.string("delegation_id"), task: try token.string("txn"),
            session: try token.string("sid"), actors: try Self.actors(of: token.claims["act"])
        )
    }

    private static func actors(of claim: JSON?) throws(JWTError) -> [Actor] {
        var actors: [Actor] = []
        var next = claim
        while let level = next {
            guard actors.count < maximumActors, let object = level.object, let clientID = object["sub"]?.string else {
                throw .badClaim("act")
            }
            let agent = object["agent_id"]
            if let agent, agent.string == nil { throw .badClaim("act") }
            actors.append(Actor(clientID: clientID, agentID: agent?.string))
            next = object["act"]
        }
        return actors
    }

    /// The one list of what kills a token.
    package func forEachID(_ body: (Revocation.Kind, String) -> Void) {
        body(.token, jti)
        if let keyID { body(.key, keyID) }
        body(.client, clientID)
        if let agentID { body(.agent, agentID) }
        if let delegationID { body(.delegation, delegationID) }
        if let task { body(.task, task) }
        if let session { body(.session, session) }
        body(.subject, subject)
        if let bar = subject.utf8.firstIndex(of: UInt8(ascii: "|")) {
            body(.issuer, String(subject[..<bar]))
        } else if subject != clientID {
            body(.client, subject)
        }
        for actor in actors {
            body(.client, actor.clientID)
            // An actor that named no instance is its client's unnamed one.
            body(.agent, actor.agentID ?? actor.clientID)
        }
    }
}
