import JOSE

extension Client {
    /// Reads `spiffe_id`. It must be of a trust domain that is trusted, and no other client's.
    mutating func readSPIFFEID(_ reader: inout DocumentReader, in context: RegistryContext) {
        spiffeID = reader.parsed(
            "spiffe_id", "a SPIFFE ID such as spiffe://example.org/agent, or a path with /* at the end"
        ) { SPIFFEPattern($0) }
        let isNeeded = authentication == .spiffeJWT || authentication == .spiffeX509
        guard let spiffeID else {
            if isNeeded, !reader.errors.contains(where: { $0.field == "spiffe_id" }) {
                reader.refuse("spiffe_id", "\(authentication.rawValue) needs one")
            }
            return
        }
        if !isNeeded { reader.refuse("spiffe_id", "is for clients with auth spiffe_jwt or spiffe_x509") }
        guard context.registry.issuer(at: IssuerURL(spiffeID.trustDomain))?.kind == .spiffe else {
            reader.refuse("spiffe_id", "no such trust domain: \(spiffeID.trustDomain.uri); trust it first")
            return
        }
        if let other = context.registry.client(overlapping: spiffeID, otherThan: id) {
            reader.refuse("spiffe_id", "\(spiffeID) means workloads that stand for \(other) already")
        }
        if let taken = workloads.first(where: { isTaken($0, by: spiffeID, in: context) }) {
            reader.refuse("workloads", "\(taken.issuer)=\(taken.subject) is among spiffe_id already")
        }
    }

    private func isTaken(_ workload: Workload, by pattern: SPIFFEPattern, in context: RegistryContext) -> Bool {
        guard let id = SPIFFEID(workload.subject), pattern.matches(id) else { return false }
        return context.registry.issuer(workload.issuer)?.kind == .spiffe
    }

    /// Looks at the workloads that an operator mapped: what a trust domain calls nobody stands for nobody, and what is
    /// another client's already stays that client's.
    func checkWorkloads(_ reader: inout DocumentReader, in context: RegistryContext) {
        for workload in workloads {
            guard let issuer = context.registry.issuer(workload.issuer), issuer.kind == .spiffe else { continue }
            guard let id = SPIFFEID(workload.subject), IssuerURL(id.trustDomain) == issuer.url, !id.path.isEmpty else {
                reader.refuse("workloads", "\(workload.subject) is not a SPIFFE ID below \(issuer.url)")
                continue
            }
            if let other = context.registry.client(for: id), other.id != self.id {
                reader.refuse("workloads", "\(workload.issuer)=\(workload.subject) already stands for \(other.id)")
            }
        }
    }
}
