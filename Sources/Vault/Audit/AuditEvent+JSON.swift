package import JOSE

extension AuditEvent {
    /// Writes the event's members into the object that the writer has begun.
    ///
    /// This is the canonical form that a record's hash covers: always the same members in the same order, absent ones
    /// left out. `before` and `after` are embedded as objects, `authorization_details` as a list, when their text is
    /// exactly what the writer would write for them, else as strings, so that reading the record gives the same text
    /// back.
    ///
    /// - Parameter sequence: the record's place in the trail.
    package func append(to writer: inout JSONWriter, sequence: Int64) {
        forEachMember(sequence: sequence) { name, value in
            value.write(to: &writer, as: name)
        }
    }

    /// The canonical form as an object of its own: what a record's hash covers after the previous hash.
    package func canonicalBytes(sequence: Int64) -> [UInt8] {
        var writer = JSONWriter(capacity: 640)
        writer.beginObject()
        append(to: &writer, sequence: sequence)
        writer.endObject()
        return writer.bytes
    }

    /// Reads the canonical form, as a store may keep it: the members of the event with `seq`, without hashes.
    ///
    /// - Throws: `VaultError.malformedRecord` for a member that is missing, unknown or not of its type.
    package static func decode(_ json: JSONObject) throws(VaultError) -> (sequence: Int64, event: AuditEvent) {
        var reader = AuditMemberReader(json)
        let decoded = try AuditEvent.decode(&reader)
        try reader.finish()
        return decoded
    }

    /// The one place where the members are named and ordered for writing.
    func forEachMember(sequence: Int64, _ body: (String, AuditMemberValue) -> Void) {
        func put(_ name: String, _ text: String?) {
            if let text { body(name, .text(text)) }
        }
        body("seq", .integer(sequence))
        put("timestamp", RFC3339Time.format(timestamp))
        put("event", name.rawValue)
        put("decision", decision.rawValue)
        put("client_id", clientID)
        put("agent_id", agentID)
        put("delegating_user", delegatingUser)
        put("delegation_id", delegationID)
        put("session_id", sessionID)
        put("task_id", taskID)
        put("jti", jti)
        put("parent_jti", parentJTI)
        put("resource", resource)
        put("api_endpoint", apiEndpoint)
        put("mcp_server", mcpServer)
        put("scope_granted", scopeGranted)
        if let authorizationDetails { body("authorization_details", .json(Self.embed(list: authorizationDetails))) }
        if let tokenTTL { body("token_ttl", .integer(Int64(tokenTTL))) }
        put("request_context", requestContext)
        if let policyEvaluation { body("policy_evaluation", .evaluation(policyEvaluation)) }
        put("request_id", requestID)
        put("trace_id", traceID)
        put("target", target)
        if let before { body("before", .json(Self.embed(before))) }
        if let after { body("after", .json(Self.embed(after))) }
    }

    /// Takes the event's members from the reader, in any order, and leaves the others to the caller.
    static func decode(
        _ reader: inout AuditMemberReader
    ) throws(VaultError) -> (sequence: Int64, event: AuditEvent) {
        let sequence = try reader.requiredInteger("seq")
        guard sequence > 0 else { throw .malformedRecord(member: "seq") }
        guard let timestamp = RFC3339Time.parse(try reader.requiredString("timestamp")) else {
            throw .malformedRecord(member: "timestamp")
        }
        let name = Name(rawValue: try reader.requiredString("event"))
        guard let decision = Decision(rawValue: try reader.requiredString("decision")) else {
            throw .malformedRecord(member: "decision")
        }
        var event = AuditEvent(timestamp: timestamp, name: name, decision: decision)
        event.clientID = try reader.string("client_id")
        event.agentID = try reader.string("agent_id")
        event.delegatingUser = try reader.string("delegating_user")
        event.delegationID = try reader.string("delegation_id")
        event.sessionID = try reader.string("session_id")
        event.taskID = try reader.string("task_id")
        event.jti = try reader.string("jti")
        event.parentJTI = try reader.string("parent_jti")
        event.resource = try reader.string("resource")
        event.apiEndpoint = try reader.string("api_endpoint")
        event.mcpServer = try reader.string("mcp_server")
        event.scopeGranted = try reader.string("scope_granted")
        event.authorizationDetails = try reader.embeddedList("authorization_details")
        event.tokenTTL = try reader.integer("token_ttl").map { Int($0) }
        event.requestContext = try reader.string("request_context")
        if let evaluation = try reader.object("policy_evaluation") {
            event.policyEvaluation = try PolicyEvaluation(json: evaluation)
        }
        event.requestID = try reader.string("request_id")
        event.traceID = try reader.string("trace_id")
        event.target = try reader.string("target")
        event.before = try reader.embedded("before")
        event.after = try reader.embedded("after")
        return (sequence, event)
    }

    /// A record must stay readable: the embedded object lies one level deep in it, and there may be two.
    private static let embeddable = JSONLimits(
        depth: JSONLimits.default.depth - 1, values: JSONLimits.default.values / 2 - 50)

    /// The same for the one member that is a list.
    private static func embed(list text: String) -> JSON {
        let bytes = Array(text.utf8)
        guard let parsed = try? JSON(parsing: bytes, limits: embeddable), case .array = parsed,
            parsed.serialized == bytes
        else { return .string(text) }
        return parsed
    }

    private static func embed(_ text: String) -> JSON {
        let bytes = Array(text.utf8)
        guard let parsed = try? JSON(parsing: bytes, limits: embeddable), case .object = parsed,
            parsed.serialized == bytes
        else { return .string(text) }
        return parsed
    }
}

/// What a member of a record can be.
enum AuditMemberValue {
    case text(String)
    case integer(Int64)
    case evaluation(PolicyEvaluation)
    case json(JSON)

    var json: JSON {
        switch self {
        case .text(let text): .string(text)
        case .integer(let number): .integer(number)
        case .evaluation(let evaluation): .object(evaluation.json)
        case .json(let json): json
        }
    }

    /// Writes the same member as for `json`, without making it: this runs for every record.
    func write(to writer: inout JSONWriter, as name: String) {
        switch self {
        case .text(let text): writer.member(name, text)
        case .integer(let number): writer.member(name, number)
        case .evaluation(let evaluation):
            writer.name(name)
            writer.beginObject()
            evaluation.forEachMember { writer.member($0, $1) }
            writer.endObject()
        case .json(let json): writer.member(name, json: json)
        }
    }
}

extension PolicyEvaluation {
    func forEachMember(_ body: (String, String) -> Void) {
        body("verdict", verdict)
        body("rule", rule)
        if let reason { body("reason", reason) }
    }

    var json: JSONObject {
        var object = JSONObject()
        forEachMember { object[$0] = .string($1) }
        return object
    }

    init(json: JSONObject) throws(VaultError) {
        var reader = AuditMemberReader(json)
        verdict = try reader.requiredString("verdict")
        rule = try reader.requiredString("rule")
        reason = try reader.string("reason")
        try reader.finish()
    }
}
