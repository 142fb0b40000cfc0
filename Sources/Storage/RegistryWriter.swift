import GRDB
import OAuth

/// The three verbs of the registry, on whichever table the thing belongs to.
enum RegistryWriter {
    static func create(_ object: RegistryObject, in database: Database) throws {
        switch object {
        case .client(let client):
            try create(client, ClientRecord.self, in: database)
            try ClientSecretRecord.insert(client.secrets, of: client.id, into: database)
        case .resource(let resource): try create(resource, ResourceRecord.self, in: database)
        case .issuer(let issuer): try create(issuer, IssuerRecord.self, in: database)
        case .rule(let rule): try create(rule, DelegationRuleRecord.self, in: database)
        case .delegation(let delegation): try create(delegation, DelegationRecord.self, in: database)
        case .receiver(let receiver): try create(receiver, EventReceiverRecord.self, in: database)
        }
    }

    static func update(_ object: RegistryObject, from revision: Int, in database: Database) throws {
        switch object {
        case .client(let client):
            try update(client, ClientRecord.self, from: revision, in: database)
            try ClientSecretRecord.replace(client.secrets, of: client.id, in: database)
        case .resource(let resource): try update(resource, ResourceRecord.self, from: revision, in: database)
        case .issuer(let issuer): try update(issuer, IssuerRecord.self, from: revision, in: database)
        case .rule(let rule): try update(rule, DelegationRuleRecord.self, from: revision, in: database)
        case .delegation(let delegation):
            try update(delegation, DelegationRecord.self, from: revision, in: database)
        case .receiver(let receiver): try update(receiver, EventReceiverRecord.self, from: revision, in: database)
        }
    }

    static func delete(_ object: RegistryObject, in database: Database) throws {
        let table =
            switch object {
            case .client: ClientRecord.table
            case .resource: ResourceRecord.table
            case .issuer: IssuerRecord.table
            case .rule: DelegationRuleRecord.table
            case .delegation: DelegationRecord.table
            case .receiver: EventReceiverRecord.table
            }
        let identifier = object.registered.identifier
        let deleted = try database.run(table.delete) { $0.add(identifier) }
        guard deleted == 1 else { throw CommitFailure.missing(identifier) }
    }

    private static func create<Record: RegistryRecord>(
        _ value: Record.Value, _ record: Record.Type, in database: Database
    ) throws {
        do {
            try database.run(Record.table.insert) { Record.write(value, to: &$0) }
        } catch let error as DatabaseError where error.isDuplicate {
            throw CommitFailure.exists(value.identifier)
        }
    }

    private static func update<Record: RegistryRecord>(
        _ value: Record.Value, _ record: Record.Type, from revision: Int, in database: Database
    ) throws {
        let changed: Int
        do {
            changed = try database.run(Record.table.update) { row in
                Record.write(value, to: &row)
                row.add(value.identifier)
                row.add(revision)
            }
        } catch let error as DatabaseError where error.isDuplicate {
            throw CommitFailure.exists(value.identifier)
        }
        guard changed == 1 else {
            let isThere = try database.first(Record.table.exists, { $0.add(value.identifier) }, { _ in true })
            throw isThere == true ? CommitFailure.stale(value.identifier) : .missing(value.identifier)
        }
    }
}
