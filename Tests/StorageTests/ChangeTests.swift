import JOSE
import OAuth
import Revocations
import Storage
import Support
import Testing
import Vault

@Suite("Changes and their failures")
struct ChangeTests {
    @Test("a name can be taken once, of every kind", arguments: Engine.allCases)
    func exists(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let objects: [RegistryObject] = [
            .client(Sample.client()), .resource(Sample.resource()), .issuer(try Sample.issuer()),
            .rule(try Sample.rule()), .delegation(try Sample.delegation()),
        ]
        for object in objects {
            #expect(try await installation.commit(.create(object)) == nil)
            #expect(try await installation.commit(.create(object)) == .exists(object.registered.identifier))
        }
        #expect(try await installation.commit(.addKey(Sample.signingKey())) == nil)
        #expect(try await installation.commit(.addKey(Sample.signingKey())) == .exists("key-1"))
    }

    @Test("two resources cannot share a URI, nor two issuers a URL", arguments: Engine.allCases)
    func sharedAddress(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(.create(.resource(Sample.resource())), .create(.issuer(try Sample.issuer())))
        let other = TrustedIssuer(
            name: try Sample.issuer("lab").name, url: try Sample.issuer().url, keys: .uri("https://x.example.com"),
            createdAt: Sample.time
        )
        #expect(try await installation.commit(.create(.resource(Sample.resource("other")))) == .exists("other"))
        #expect(try await installation.commit(.create(.issuer(other))) == .exists("lab"))
    }

    @Test("an update replaces every column and asks for the revision it was made from", arguments: Engine.allCases)
    func update(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(.create(.client(Sample.client())))
        var changed = Client(
            id: World.id("planner"), name: "Renamed", kind: .agent, authentication: .workload,
            secrets: [SecretDigest(digest: [UInt8](repeating: 9, count: 32))], scopes: World.scopes("x"),
            resources: [], grants: [.tokenExchange], createdAt: Sample.time, revision: 2
        )
        #expect(try await installation.commit(.update(.client(changed), from: 1)) == nil)
        #expect(try await installation.load().clients == [changed])
        changed.revision = 3
        #expect(try await installation.commit(.update(.client(changed), from: 1)) == .stale("planner"))
        #expect(try await installation.commit(.update(.client(Sample.bareClient("none")), from: 1)) == .missing("none"))
        #expect(try await installation.load().clients.map(\.revision) == [2])
    }

    @Test("every kind can be updated and deleted", arguments: Engine.allCases)
    func everyKind(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        var issuer = try Sample.issuer()
        var delegation = try Sample.delegation()
        var rule = try Sample.rule()
        try await installation.commit(
            .create(.resource(Sample.resource())), .create(.issuer(issuer)), .create(.delegation(delegation)),
            .create(.rule(rule))
        )
        var resource = Sample.resource(revision: 2)
        resource.scopes = World.scopes("calendar.read")
        resource.tokenTTL = nil
        issuer.keys = .uri("https://corp.example.com/keys")
        issuer.revision = 2
        delegation.purpose = nil
        delegation.mayAct = []
        delegation.revision = 2
        rule.revision = 2
        let failure = try await installation.commit(
            .update(.resource(resource), from: 1), .update(.issuer(issuer), from: 1),
            .update(.delegation(delegation), from: 1), .update(.rule(rule), from: 1)
        )
        #expect(failure == nil)
        let snapshot = try await installation.load()
        #expect(snapshot.resources == [resource] && snapshot.issuers == [issuer])
        #expect(snapshot.delegations == [delegation] && snapshot.rules == [rule])

        for object in [
            RegistryObject.resource(resource), .issuer(issuer), .delegation(delegation), .rule(rule),
        ] {
            #expect(try await installation.commit(.delete(object)) == nil)
            #expect(try await installation.commit(.delete(object)) == .missing(object.registered.identifier))
        }
        let empty = try await installation.load()
        #expect(empty.resources.isEmpty && empty.issuers.isEmpty && empty.delegations.isEmpty && empty.rules.isEmpty)
    }

    @Test("a deleted client leaves no secret to a later one of its name", arguments: Engine.allCases)
    func deletedClient(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(.create(.client(Sample.client())))
        #expect(try await installation.commit(.delete(.client(Sample.client()))) == nil)
        #expect(try await installation.commit(.delete(.client(Sample.client()))) == .missing("planner"))
        try await installation.commit(.create(.client(Sample.bareClient("planner"))))
        #expect(try await installation.load().clients == [Sample.bareClient("planner")])
    }

    @Test("a delegation is revoked once, and its revision grows", arguments: Engine.allCases)
    func revokedDelegation(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let delegation = try Sample.delegation()
        try await installation.commit(.create(.delegation(delegation)))
        #expect(try await installation.commit(.revokeDelegation(delegation.id, at: Sample.time)) == nil)
        #expect(
            try await installation.commit(.revokeDelegation(delegation.id, at: Sample.later)) == .missing("dlg_1")
        )
        let revoked = try Sample.delegation(revoked: Sample.time, revision: 2)
        #expect(try await installation.load().delegations == [revoked])
    }

    @Test("a value is spent once, also after a restart", arguments: Engine.allCases)
    func spent(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        #expect(try await installation.commit(.spend(Sample.spend(1))) == nil)
        #expect(try await installation.commit(.spend(Sample.spend(2))) == nil)
        #expect(try await installation.commit(.spend(Sample.spend(1))) == .spent)
        let again = try await installation.reopened()
        #expect(try await again.commit(.spend(Sample.spend(2, expires: Sample.time))) == .spent)
    }

    @Test("two that spend the same value in one batch: the first wins", arguments: Engine.allCases)
    func spentInBatch(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let entry = Entry(changes: [.spend(Sample.spend(1))], audit: [Sample.issued("a")])
        #expect(try await installation.commit([entry, entry, entry]) == [nil, .spent, .spent])
        #expect(installation.head.sequence == 1)
    }

    @Test("a closed name can be closed longer, and reopened", arguments: Engine.allCases)
    func closed(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        for kind in [Revocation.Kind.task, .session, .agent] {
            try await installation.commit(.close(kind, id: "planner/x", until: Sample.later))
            try await installation.commit(.close(kind, id: "planner/x", until: nil))
        }
        let closed = try await installation.load().closed
        #expect(closed.count == 3 && closed.allSatisfy { $0.until == nil })
        try await installation.commit(.reopen(.agent, id: "planner/x"))
        #expect(Set(try await installation.load().closed.map(\.kind)) == [.task, .session])
    }

    @Test("a key is revoked, and keeps its first time", arguments: Engine.allCases)
    func revokedKey(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(.addKey(Sample.signingKey()))
        #expect(try await installation.commit(.revokeKey("key-1", at: Sample.time)) == nil)
        #expect(try await installation.commit(.revokeKey("key-1", at: Sample.later)) == nil)
        #expect(try await installation.commit(.revokeKey("key-9", at: Sample.later)) == nil)
        #expect(try await installation.load().signingKeys == [Sample.signingKey(revoked: Sample.time)])
    }

    @Test("every kind of tombstone is stored", arguments: Engine.allCases, Revocation.Kind.allCases)
    func tombstone(_ engine: Engine, _ kind: Revocation.Kind) async throws {
        let installation = try await Installation.open(engine)
        #expect(try await installation.commit(.revoke(Sample.revocation(0, kind, "some id"))) == nil)
        #expect(try await installation.load().recentRevocations == [Sample.revocation(1, kind, "some id")])
    }

    @Test("what the domain can say, the schema accepts", arguments: Engine.allCases)
    func words(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        for kind in Client.Kind.allCases {
            for method in AuthenticationMethod.registrable {
                var client = Client(
                    id: World.id("\(kind.rawValue).\(method.rawValue)"), name: "n", kind: kind,
                    authentication: method, scopes: .empty, resources: [], createdAt: Sample.time
                )
                if method == .tlsClientAuth { client.certificateName = CertificateName(.dnsName, "a.example.com") }
                #expect(try await installation.commit(.create(.client(client))) == nil)
            }
        }
        for kind in Resource.Kind.allCases {
            for algorithm in Resource.signingAlgorithms {
                let name = "\(kind.rawValue)-\(algorithm.rawValue)"
                let resource = Resource(
                    uri: World.uri("https://\(name.lowercased()).example.com"), name: name, kind: kind,
                    scopes: .empty, signingAlgorithm: algorithm, tokenTTL: TokenLifetime.ceiling,
                    createdAt: Sample.time
                )
                #expect(try await installation.commit(.create(.resource(resource))) == nil)
            }
        }
    }
}
