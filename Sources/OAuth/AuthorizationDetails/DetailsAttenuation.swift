import JOSE

/// Authorization details = requested ⊆ subject token, delegation, client and resource (RFC 9396). They never grow, and
/// are never narrowed silently.
///
/// Nothing asked: what the exchanged token carries goes on unchanged, and a token of another kind carries none. So a
/// token with details never becomes one without.
struct DetailsAttenuation: Sendable {
    static let name = "details_attenuation"

    let registry: Registry

    func grant(to authorization: Authorization) -> Result<AuthorizationDetails, Refusal> {
        let target = authorization.target
        let carried = authorization.subjectToken?.authorizationDetails ?? .none
        let asked = authorization.requestedDetails ?? carried
        if asked.isEmpty {
            return target.requireAuthorizationDetails
                ? refuse("is required for \(target.uri): its types are \(Self.types(of: target))") : .success(.none)
        }
        for (index, detail) in asked.objects.enumerated() {
            if let fault = fault(
                of: detail, at: "[\(index)]", for: target, isAsked: authorization.requestedDetails != nil)
            {
                return refuse(fault)
            }
        }
        if case .own(let token)? = authorization.subjectToken, token.audience != target.uri,
            let name = asked.objects.lazy.compactMap(\.detailType).first(where: {
                !isShared($0, token.audience, target)
            })
        {
            return refuse("cannot go on to \(target.uri): the type \(name) is not the same there")
        }
        for ceiling in ceilings(of: authorization, carried: carried) {
            if let objection = ceiling.objection(to: asked, at: target) { return refuse(objection) }
        }
        return .success(AuthorizationDetails(objects: asked.objects.map { $0.located(at: target.uri) }))
    }

    /// What stands above: always the client, and whatever the request brings along. An own token without details has
    /// nothing to give.
    private func ceilings(of authorization: Authorization, carried: AuthorizationDetails) -> [DetailCeiling] {
        var ceilings = [
            DetailCeiling(
                origin: "the client", details: authorization.client.authorizationDetails, isRegistered: true
            )
        ]
        if case .own? = authorization.subjectToken {
            ceilings.append(DetailCeiling(origin: "the subject token", details: carried, isRegistered: false))
        }
        if let delegation = authorization.delegation {
            ceilings.append(
                DetailCeiling(origin: "the delegation", details: delegation.authorizationDetails, isRegistered: true)
            )
        }
        return ceilings
    }

    private func fault(of detail: JSONObject, at path: String, for target: Resource, isAsked: Bool) -> String? {
        guard let name = detail.detailType, let type = target.authorizationDetailsType(named: name) else {
            let types = Self.types(of: target)
            return "\(path).type is not one of the resource's, which are \(types.isEmpty ? "none" : types)"
        }
        if let locations = detail["locations"], isAsked,
            locations.array?.count != 1 || !detail.names(location: target.uri)
        {
            return "\(path).locations must name the resource of the token and nothing else: \(target.uri)"
        }
        do throws(DetailFault) {
            try type.schema.check(.object(detail.detailContent), at: path)
            return nil
        } catch {
            return "\(error.path) \(error.reason)"
        }
    }

    /// Whether a type is the same at both resources. Under another schema of the same name a value could be raised that
    /// the first one holds down.
    private func isShared(_ name: String, _ origin: ResourceURI, _ target: Resource) -> Bool {
        guard let there = registry.resource(origin)?.authorizationDetailsType(named: name),
            let here = target.authorizationDetailsType(named: name)
        else { return false }
        return there == here
    }

    private static func types(of resource: Resource) -> String {
        resource.authorizationDetailsTypes.map(\.name).joined(separator: ", ")
    }

    private func refuse(_ reason: String) -> Result<AuthorizationDetails, Refusal> {
        let error = AuthorizationDetails.refusal(reason)
        return .failure(Refusal(rule: Self.name, code: error.code, reason: error.description))
    }
}

extension SubjectToken {
    /// What one of our own tokens carries. A foreign token's details mean nothing here.
    var authorizationDetails: AuthorizationDetails {
        switch self {
        case .own(let token): token.authorizationDetails
        case .foreign: .none
        }
    }
}

extension JSONObject {
    /// The detail as it stands in a token for the resource. A detail without locations is for it anyway.
    fileprivate func located(at uri: ResourceURI) -> JSONObject {
        guard self["locations"] != nil else { return self }
        var detail = self
        detail["locations"] = [.string(uri.text)]
        return detail
    }
}
