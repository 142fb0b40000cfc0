import Vault

/// What the browser is told that comes back from a provider.
package enum CallbackAnswer: Sendable {
    /// The provider has answered: this code finishes the connection, in the hands of the one who started it.
    case answered(code: String, Connection, Connection.Flow)
    /// Nothing came of it; one sentence says why, for a person.
    case refused(String)
}

extension ConnectionDesk {
    /// Takes the provider's answer (RFC 6749 section 4.1.2) from whoever's browser brings it, and redeems nothing.
    ///
    /// Anybody may have been sent to the provider's page. The browser gets a code that is worth something only to the
    /// one who started, and who must have it from there: so the two are the same person, or speak with each other.
    ///
    /// A stranger's call changes nothing, and is told the same whatever it does not know.
    package func callback(_ id: String, _ answer: Parameters, in context: RequestContext) async throws -> CallbackAnswer
    {
        let time = now()
        guard let id = ConnectionID(id), let known = registry.connections.connection(id), let waiting = known.flow,
            let state = answer[.state], isState(state, of: waiting, in: id)
        else { return .refused("Nobody waits for this answer. Start again.") }
        guard time < waiting.expiresAt else { return .refused("This took too long. Start again.") }
        guard waiting.code == nil else {
            return .refused("This answer was brought before. If you have lost the code, start again.")
        }
        if let reason = refusal(of: answer, by: known.provider) {
            try await cancel(known, waiting, .connectionRefused, reason: reason, in: context)
            return .refused("The connection was cancelled: \(reason). Start again.")
        }
        guard let code = answer[.code], code.utf8.count <= 4096 else {
            try await cancel(known, waiting, .connectionRefused, reason: "the answer has no code", in: context)
            return .refused("The connection was cancelled: the provider's answer has no code. Start again.")
        }
        let completion = CompletionCode.make()
        var flow = waiting
        flow.code = codeDigest(completion, of: id)
        do {
            let changed = try await change(known.secret) { connection, time in
                guard connection.flow == waiting else { throw SecretRefusal.notFound }
                var changed = connection
                changed.flow = flow
                var grant = try await keeper.grant(of: connection, for: .request(context))
                grant.code = code
                try grant.seal(into: &changed, with: barrier)
                var event = changed.event(.connectionAnswered, reason: nil, at: time)
                event.describe(context)
                return (changed, Entry(audit: [event]))
            }
            FaultPoint.connectionAnswered.pass()
            return .answered(code: CompletionCode.shown(completion), changed, flow)
        } catch SecretRefusal.notFound {
            return .refused("Nobody waits for this answer any more. Start again.")
        }
    }

    /// Why an answer cannot be used; nil when nothing speaks against it.
    private func refusal(of answer: Parameters, by provider: ConnectionProvider) -> String? {
        // RFC 9207 section 2.4: before anything else of the answer is believed, an error too.
        if let issuer = provider.issuer {
            guard let named = answer[.issuer] else { return "the answer does not say which provider it is from" }
            guard named.utf8.elementsEqual(issuer.utf8) else { return "the answer is another provider's" }
        }
        if let error = answer[.error] {
            let code = error.consists(of: .secretName, count: 1...64) ? error : "an error"
            return "the provider answered \(code)"
        }
        return nil
    }

    /// Ends a flow. The connection stays what it was.
    private func cancel(
        _ connection: Connection, _ flow: Connection.Flow, _ name: AuditEvent.Name, reason: String,
        in context: RequestContext
    ) async throws {
        do {
            try await change(connection.secret) { connection, time in
                guard connection.flow == flow else { throw SecretRefusal.notFound }
                var changed = connection
                changed.flow = nil
                var grant = try await keeper.grant(of: connection, for: .request(context))
                grant.verifier = nil
                grant.code = nil
                try grant.seal(into: &changed, with: barrier)
                var event = changed.event(name, .deny, reason: reason, at: time)
                event.describe(context)
                return (changed, Entry(audit: [event]))
            }
        } catch SecretRefusal.notFound {
            // It was ended otherwise.
        }
    }
}

/// What a person carries from the browser to the command line: 80 bits, in groups that can be read aloud.
enum CompletionCode {
    static func make() -> String { Unguessable.text(bytes: 10) }

    static func shown(_ code: String) -> String {
        var shown = ""
        for (index, character) in code.enumerated() {
            if index > 0, index.isMultiple(of: 4) { shown.append("-") }
            shown.append(character)
        }
        return shown
    }

    /// What was shown, as somebody typed it.
    static func typed(_ text: String) -> String { text.lowercased().filter { $0 != "-" && $0 != " " } }
}

extension Parameters.Name {
    package static let state = Self(rawValue: "state")
    package static let code = Self(rawValue: "code")
    package static let error = Self(rawValue: "error")
    package static let issuer = Self(rawValue: "iss")
}
