import JOSE
package import Revocations
import Synchronization

/// Everything that is registered, in memory: no request reads a disk to be decided.
///
/// Changed by the ledger alone, after the change is durable and before its caller is answered.
package final class Registry: Sendable {
    package let issuer: IssuerURL
    package let ownResources: OwnResources
    /// Whether clients find a place where they are asked for a certificate.
    let takesCertificates: Bool
    /// What clients with limits have taken in their tasks lately.
    let taskTallies = TaskTallies()
    /// The live tokens whose status stands in a list.
    package let statusLists: StatusLists
    /// The secrets that the vault keeps for agents, without their values.
    package let secrets: SecretShelf
    /// The look-alikes that were planted, by their digests.
    package let canaries: CanaryShelf
    /// When those rotate.
    package let rotations: RotationBook
    /// The accounts at third parties for which the vault gets access tokens.
    package let connections: ConnectionShelf
    /// Rings when there is something to deliver to event receivers.
    let outbox = EventOutbox()
    private let state: Mutex<State>

    private struct State {
        var clients: [ClientID: Shared<Client>] = [:]
        var workloads: [Workload: ClientID] = [:]
        var spiffe = SPIFFEIndex()
        var resources: [ResourceURI: Shared<Resource>] = [:]
        var resourceNames: [String: ResourceURI] = [:]
        var issuers: [IssuerName: TrustedIssuer] = [:]
        var issuerURLs: [IssuerURL: IssuerName] = [:]
        var rules: [ClientID: [DelegationRule]] = [:]
        var delegations: [DelegationID: Delegation] = [:]
        var delegationsByPair: [DelegationPair: [DelegationID]] = [:]
        var closed: [ClosedName: Timestamp?] = [:]
        var receivers: [ReceiverID: EventReceiver] = [:]
        var alterations: UInt64 = 0
    }

    private struct DelegationPair: Hashable {
        let subject: UserSubject
        let client: ClientID
    }

    private struct ClosedName: Hashable {
        let kind: Revocation.Kind
        let id: String
    }

    package init(issuer: IssuerURL, snapshot: Snapshot = Snapshot(), takesCertificates: Bool = false) {
        self.issuer = issuer
        self.takesCertificates = takesCertificates
        ownResources = OwnResources(issuer: issuer)
        statusLists = StatusLists(snapshot.listedTokens)
        secrets = SecretShelf(snapshot.secrets)
        canaries = CanaryShelf(snapshot.canaries)
        connections = ConnectionShelf(snapshot.connections)
        rotations = RotationBook(secrets: snapshot.secrets, plans: snapshot.rotations)
        var state = State()
        state.clients.reserveCapacity(snapshot.clients.count)
        for resource in ownResources.all { Self.put(resource, into: &state) }
        for client in snapshot.clients { Self.put(client, into: &state) }
        for resource in snapshot.resources { Self.put(resource, into: &state) }
        for issuer in snapshot.issuers { Self.put(issuer, into: &state) }
        for rule in snapshot.rules { state.rules[rule.clientID, default: []].append(rule) }
        for delegation in snapshot.delegations { Self.put(delegation, into: &state) }
        for receiver in snapshot.receivers { state.receivers[receiver.id] = receiver }
        for closed in snapshot.closed {
            state.closed[ClosedName(kind: closed.kind, id: closed.id)] = .some(closed.until)
        }
        self.state = Mutex(state)
    }

    // MARK: Looking up

    package func client(_ id: ClientID) -> Client? { shared(id)?.value }

    package func shared(_ id: ClientID) -> Shared<Client>? { state.withLock { $0.clients[id] } }

    package func client(for workload: Workload) -> Client? {
        state.withLock { state in state.workloads[workload].flatMap { state.clients[$0]?.value } }
    }

    /// The client that a SPIFFE ID stands for, however it proves itself.
    package func client(for id: SPIFFEID) -> Client? {
        state.withLock { state in state.spiffe.client(for: id).flatMap { state.clients[$0]?.value } }
    }

    /// A client other than the named one that stands for a workload which the pattern means.
    func client(overlapping pattern: SPIFFEPattern, otherThan client: ClientID) -> ClientID? {
        state.withLock { $0.spiffe.client(overlapping: pattern, otherThan: client) }
    }

    /// The SPIFFE trust domains that are registered, disabled ones too.
    var trustDomains: [TrustDomain] {
        state.withLock { $0.issuers.values.compactMap { $0.kind == .spiffe ? $0.url.trustDomain : nil }.sorted() }
    }

    package func resource(_ uri: ResourceURI) -> Resource? { shared(uri)?.value }

    package func shared(_ uri: ResourceURI) -> Shared<Resource>? { state.withLock { $0.resources[uri] } }

    package func resource(named name: String) -> Resource? {
        state.withLock { state in state.resourceNames[name].flatMap { state.resources[$0]?.value } }
    }

    package func issuer(_ name: IssuerName) -> TrustedIssuer? { state.withLock { $0.issuers[name] } }

    package func issuer(at url: IssuerURL) -> TrustedIssuer? {
        state.withLock { state in state.issuerURLs[url].flatMap { state.issuers[$0] } }
    }

    package func delegation(_ id: DelegationID) -> Delegation? { state.withLock { $0.delegations[id] } }

    /// Delegations of a user to a client that have not expired, revoked ones too, newest first.
    package func delegations(of subject: UserSubject, to client: ClientID, at now: Timestamp) -> [Delegation] {
        state.withLock { state in
            (state.delegationsByPair[DelegationPair(subject: subject, client: client)] ?? [])
                .compactMap { state.delegations[$0] }
                .filter { now < $0.expiresAt }
                .sorted { ($0.createdAt, $0.id) > ($1.createdAt, $1.id) }
        }
    }

    /// Whether the rule that makes this delegation has made one for the same user already, and it lives.
    func hasTwin(of delegation: Delegation, at now: Timestamp) -> Bool {
        delegations(of: delegation.subject, to: delegation.clientID, at: now).contains {
            $0.isTwin(of: delegation) && $0.status(at: now) == .active
        }
    }

    /// Live delegations that match, for revoking them together.
    package func liveDelegations(
        at now: Timestamp, where matches: (Delegation) -> Bool
    ) -> [Delegation] {
        state.withLock { state in
            state.delegations.values.filter { $0.status(at: now) == .active && matches($0) }.sorted { $0.id < $1.id }
        }
    }

    /// Whether there is a delegation of a user that has not expired, revoked ones too.
    func hasDelegation(of subject: UserSubject) -> Bool {
        state.withLock { $0.delegations.values.contains { $0.subject == subject } }
    }

    package func rules(for client: ClientID) -> [DelegationRule] { state.withLock { $0.rules[client] ?? [] } }

    /// Rules for users of an issuer, whichever client they are for.
    func rules(of issuer: IssuerName) -> [DelegationRule] {
        state.withLock { state in
            state.rules.values.flatMap { $0 }.filter { $0.issuer == issuer }.sorted { $0.id < $1.id }
        }
    }

    /// Clients that subjects of an issuer stand for.
    func clients(mappedTo issuer: IssuerName) -> [Client] {
        state.withLock { state in
            Set(state.workloads.filter { $0.key.issuer == issuer }.values).compactMap { state.clients[$0]?.value }
                .sorted { $0.id < $1.id }
        }
    }

    /// Clients that match, in the order of their ids. Goes through all of them: for operators, not for requests.
    func clients(where matches: (Client) -> Bool) -> [Client] {
        state.withLock { state in
            state.clients.values.map(\.value).filter(matches).sorted { $0.id < $1.id }
        }
    }

    package func rule(_ id: RuleID) -> DelegationRule? {
        state.withLock { state in
            for rules in state.rules.values {
                if let rule = rules.first(where: { $0.id == id }) { return rule }
            }
            return nil
        }
    }

    package func eventReceiver(_ id: ReceiverID) -> EventReceiver? { state.withLock { $0.receivers[id] } }

    /// In the order of their ids.
    package var eventReceivers: [EventReceiver] {
        state.withLock { $0.receivers.values.sorted { $0.id < $1.id } }
    }

    /// Whether a task, session or agent instance was closed.
    package func isClosed(_ kind: Revocation.Kind, _ id: String, at now: Timestamp) -> Bool {
        state.withLock { state in
            guard let until = state.closed[ClosedName(kind: kind, id: id)] else { return false }
            return until.map { now < $0 } ?? true
        }
    }

    /// Whether a token may be issued as far as what is committed by now goes: its clients enabled, its delegation not
    /// revoked, its names open. A delegation that is made together with the token is not known yet.
    func allows(_ token: TokenIdentity, at now: Timestamp) -> Bool {
        state.withLock { state in
            guard state.clients[token.clientID]?.value.enabled == true else { return false }
            for actor in token.actors?.actors ?? [] where actor.clientID != token.clientID {
                guard state.clients[actor.clientID]?.value.enabled == true else { return false }
            }
            if let id = token.delegationID, state.delegations[id]?.revokedAt != nil { return false }
            guard !state.closed.isEmpty else { return true }
            let names = [
                (Revocation.Kind.task, token.task?.text), (.session, token.session?.text), (.agent, token.agentID),
            ]
            return !names.contains { kind, id in
                guard let id, let until = state.closed[ClosedName(kind: kind, id: id)] else { return false }
                return until.map { now < $0 } ?? true
            }
        }
    }

    /// What a new delegation or rule names but is not there any more: it was decided before its client or issuer went.
    func missing(for changes: [Change]) -> String? {
        for case .create(let object) in changes {
            let (client, issuer): (ClientID, IssuerName)
            switch object {
            case .delegation(let delegation): (client, issuer) = (delegation.clientID, delegation.subject.issuer)
            case .rule(let rule): (client, issuer) = (rule.clientID, rule.issuer)
            case .receiver(let receiver):
                guard let client = receiver.clientID, self.client(client) == nil else { continue }
                return client.text
            case .client, .resource, .issuer: continue
            }
            let gone = state.withLock { state -> String? in
                if state.clients[client] == nil { return client.text }
                return state.issuers[issuer] == nil ? issuer.text : nil
            }
            if let gone { return gone }
        }
        return nil
    }

    /// Whether what a token of ours stands on is still there: its client and every actor enabled, its delegation live,
    /// its resource enabled.
    func upholds(_ token: AccessToken, at now: Timestamp) -> Bool {
        upholds(token.identity, for: token.audience, at: now)
    }

    func upholds(_ identity: TokenIdentity, for audience: ResourceURI, at now: Timestamp) -> Bool {
        state.withLock { state in
            guard state.clients[identity.clientID]?.value.enabled == true else { return false }
            for actor in identity.actors?.actors ?? [] where actor.clientID != identity.clientID {
                guard state.clients[actor.clientID]?.value.enabled == true else { return false }
            }
            // A delegation that was narrowed to end earlier ends its tokens with it.
            if let id = identity.delegationID, state.delegations[id]?.status(at: now) != .active { return false }
            // A resource that was removed and registered anew does not bring its old tokens back.
            guard let resource = state.resources[audience]?.value, resource.enabled else { return false }
            // No token of ours is for an API that takes another's.
            guard resource.kind != .thirdParty else { return false }
            return resource.createdAt.seconds <= identity.issuedAt
        }
    }

    /// Whether a token is bound to all that its client and its resource demand by now: one from before they did is not.
    func isBoundAsDemanded(_ token: AccessToken) -> Bool {
        state.withLock { state in
            guard let client = state.clients[token.clientID]?.value,
                let resource = state.resources[token.audience]?.value
            else { return false }
            let needsKey = client.dpopBound || resource.requireDPoP
            let needsCertificate = client.certificateBound || resource.requireCertificate
            return (!needsKey || token.confirmation?.keyThumbprint != nil)
                && (!needsCertificate || token.confirmation?.certificateThumbprint != nil)
        }
    }

    /// Resources other than our own, by name, for the metadata document.
    package var registeredResources: [Resource] {
        state.withLock { $0.resources.values.map(\.value).sorted { $0.name < $1.name } }
    }

    package struct Counts: Sendable {
        package let clients: Int
        package let resources: Int
        package let delegations: Int
    }

    package var counts: Counts {
        state.withLock {
            Counts(clients: $0.clients.count, resources: $0.resources.count, delegations: $0.delegations.count)
        }
    }

    /// A registered thing by its kind and the name that paths use.
    package func registered(_ kind: RegistryKind, _ identifier: String) -> (any Registered)? {
        switch kind {
        case .client: ClientID(identifier).flatMap { client($0) }
        case .resource: resource(named: identifier) ?? ResourceURI(identifier).flatMap { resource($0) }
        case .issuer: IssuerName(identifier).flatMap { issuer($0) }
        case .rule: RuleID(identifier).flatMap { rule($0) }
        case .delegation: DelegationID(identifier).flatMap { delegation($0) }
        case .receiver: ReceiverID(identifier).flatMap { eventReceiver($0) }
        }
    }

    // MARK: Changing (the ledger, after a commit)

    func apply(_ changes: [Change]) {
        state.withLock { state in
            for change in changes { Self.apply(change, to: &state) }
            if changes.contains(where: \.alters) { state.alterations += 1 }
        }
        for change in changes {
            switch change {
            case .useTask(let use): taskTallies.add(use)
            case .listStatus(let token): statusLists.add(token)
            case .enqueue: outbox.ring()
            case .keepSecret(let secret, from: _):
                secrets.put(secret)
                rotations.put(secret)
            case .dropSecret(let name):
                secrets.remove(name)
                connections.remove(name)
                rotations.remove(name)
            case .keepRotation(let plan, from: _): rotations.put(plan)
            case .dropRotation(let name): rotations.drop(name)
            case .keepConnection(let connection, from: _): connections.put(connection)
            case .dropConnection(let name, from: _): connections.remove(name)
            case .hastenRotation(let name, let time): rotations.hasten(name, at: time)
            case .keyring(let change): change.keep(in: connections)
            case .plant, .unplant, .canarySeen: canaries.apply(change)
            default: break
            }
        }
    }

    /// Forgets delegations and closed names whose time has passed.
    package func prune(at now: Timestamp) {
        state.withLock { state in
            for delegation in state.delegations.values where delegation.expiresAt <= now {
                Self.remove(delegation, from: &state)
            }
            state.closed = state.closed.filter { $0.value.map { now < $0 } ?? true }
        }
        statusLists.prune(at: now)
    }

    /// Grows whenever something that was registered is changed or removed, and with it perhaps what stands on it.
    var alterations: UInt64 { state.withLock { $0.alterations } }

    private static func apply(_ change: Change, to state: inout State) {
        switch change {
        case .create(let object), .update(let object, from: _):
            switch object {
            case .client(let client): put(client, into: &state)
            case .resource(let resource): put(resource, into: &state)
            case .issuer(let issuer): put(issuer, into: &state)
            case .rule(let rule): state.rules[rule.clientID, default: []].append(rule)
            case .delegation(let delegation): put(delegation, into: &state)
            case .receiver(let receiver): state.receivers[receiver.id] = receiver
            }
        case .delete(let object):
            switch object {
            case .client(let client): remove(client, from: &state)
            case .resource(let resource):
                state.resources[resource.uri] = nil
                state.resourceNames[resource.name] = nil
            case .issuer(let issuer):
                state.issuers[issuer.name] = nil
                state.issuerURLs[issuer.url] = nil
            case .rule(let rule):
                state.rules[rule.clientID]?.removeAll { $0.id == rule.id }
                if state.rules[rule.clientID]?.isEmpty == true { state.rules[rule.clientID] = nil }
            case .delegation(let delegation): remove(delegation, from: &state)
            case .receiver(let receiver): state.receivers[receiver.id] = nil
            }
        case .revokeDelegation(let id, let time):
            state.delegations[id]?.revokedAt = time
            state.delegations[id]?.revision += 1
        case .close(let kind, let id, let until):
            state.closed[ClosedName(kind: kind, id: id)] = .some(until)
        case .reopen(let kind, let id):
            state.closed[ClosedName(kind: kind, id: id)] = nil
        case .keyring(let change): change.keep(in: &state.receivers)
        case .revoke, .spend, .useTask, .listStatus, .enqueue, .acknowledge, .addKey, .revokeKey, .eraseKey,
            .keepSecret, .dropSecret, .addVersion, .setVersion, .release, .endLease, .endLeases, .leasesSwept,
            .keepWrap, .openWrap, .plant, .unplant, .canarySeen, .keepConnection, .dropConnection, .keepRotation,
            .dropRotation, .hastenRotation:
            break
        }
    }

    private static func put(_ client: Client, into state: inout State) {
        if let old = state.clients[client.id]?.value, old.workloads != client.workloads {
            remove(old, from: &state)
        }
        state.clients[client.id] = Shared(client)
        state.spiffe.put(client)
        for workload in client.workloads { state.workloads[workload] = client.id }
    }

    private static func remove(_ client: Client, from state: inout State) {
        state.clients[client.id] = nil
        state.spiffe.remove(client.id)
        for workload in client.workloads where state.workloads[workload] == client.id {
            state.workloads[workload] = nil
        }
    }

    private static func put(_ resource: Resource, into state: inout State) {
        state.resources[resource.uri] = Shared(resource)
        state.resourceNames[resource.name] = resource.uri
    }

    private static func put(_ issuer: TrustedIssuer, into state: inout State) {
        state.issuers[issuer.name] = issuer
        state.issuerURLs[issuer.url] = issuer.name
    }

    private static func put(_ delegation: Delegation, into state: inout State) {
        if state.delegations.updateValue(delegation, forKey: delegation.id) == nil {
            let pair = DelegationPair(subject: delegation.subject, client: delegation.clientID)
            state.delegationsByPair[pair, default: []].append(delegation.id)
        }
    }

    private static func remove(_ delegation: Delegation, from state: inout State) {
        state.delegations[delegation.id] = nil
        let pair = DelegationPair(subject: delegation.subject, client: delegation.clientID)
        state.delegationsByPair[pair]?.removeAll { $0 == delegation.id }
        if state.delegationsByPair[pair]?.isEmpty == true { state.delegationsByPair[pair] = nil }
    }
}
