import JOSE

extension DocumentReader {
    /// The types of a resource.
    mutating func authorizationDetailsTypes(_ field: String) -> [AuthorizationDetailType] {
        guard let value = value(field) else { return [] }
        var faults: [FieldError] = []
        let types = AuthorizationDetailType.list(value, at: field, errors: &faults)
        for fault in faults { refuse(fault.field, fault.detail) }
        return types
    }

    /// What a client, a delegation or a rule is allowed at most. Each object names by `locations` the resources that it
    /// is for: one that is granted later must not inherit it.
    mutating func authorizationDetails(
        _ field: String, for resources: [ResourceURI], in context: RegistryContext
    ) -> AuthorizationDetails {
        guard let value = value(field) else { return .none }
        guard let details = AuthorizationDetails(value), details.objects.count <= DetailLimits.registeredObjects,
            value.serialized.count <= DetailLimits.registeredBytes
        else {
            refuse(
                field,
                """
                must be a list of at most \(DetailLimits.registeredObjects) objects, each with a type, of at most \
                \(DetailLimits.registeredBytes) bytes together
                """
            )
            return .none
        }
        for (index, detail) in details.objects.enumerated() {
            check(detail, at: "\(field)[\(index)]", for: resources, in: context)
        }
        return details
    }

    private mutating func check(
        _ detail: JSONObject, at path: String, for resources: [ResourceURI], in context: RegistryContext
    ) {
        let locations = (detail["locations"]?.array ?? []).map { $0.string.flatMap { ResourceURI($0) } }
        guard !locations.isEmpty, locations.count <= DetailLimits.items else {
            refuse("\(path).locations", "is required: the resources that the detail is for")
            return
        }
        for location in locations {
            guard let location, resources.contains(location), let resource = context.registry.resource(location) else {
                refuse("\(path).locations", "must name resources that are granted here")
                return
            }
            let name = detail.detailType ?? ""
            guard let type = resource.authorizationDetailsType(named: name) else {
                refuse("\(path).type", "is not one of the types of \(location)")
                return
            }
            do throws(DetailFault) {
                try type.schema.check(.object(detail.detailContent), at: path, .ceiling)
            } catch {
                refuse(error.path, error.reason)
                return
            }
        }
    }
}

extension AuthorizationDetails {
    /// Whether what an operator registered allows all of it at the target.
    func isCovered(by ceiling: AuthorizationDetails, at target: Resource) -> Bool {
        DetailCeiling(origin: "", details: ceiling, isRegistered: true).objection(to: self, at: target) == nil
    }

    /// Whether these ceilings, as someone narrows them, stay within the earlier ones, at each of their locations.
    func isWithin(_ earlier: AuthorizationDetails, in context: RegistryContext) -> Bool {
        objects.allSatisfy { detail in
            (detail["locations"]?.array ?? []).allSatisfy { location in
                guard
                    let resource = location.string.flatMap({ ResourceURI($0) }).flatMap({
                        context.registry.resource($0)
                    })
                else { return false }
                return AuthorizationDetails(objects: [detail]).isCovered(by: earlier, at: resource)
            }
        }
    }
}

extension Resource {
    /// Reads the members of a resource's document that are about authorization details.
    mutating func readAuthorizationDetails(_ reader: inout DocumentReader) {
        authorizationDetailsTypes = reader.authorizationDetailsTypes("authorization_details_types")
        requireAuthorizationDetails = reader.bool("require_authorization_details", default: false)
        if requireAuthorizationDetails, authorizationDetailsTypes.isEmpty,
            !reader.errors.contains(where: { $0.field.hasPrefix("authorization_details_types") })
        {
            reader.refuse("require_authorization_details", "needs at least one of authorization_details_types")
        }
        if kind == .thirdParty, !authorizationDetailsTypes.isEmpty {
            reader.refuse("authorization_details_types", "cannot be had by a third party: its credential carries none")
        }
    }
}
