package import JOSE

extension DetailSchema {
    /// Where a value is wider than the one above it; nil when it is the same or narrower.
    ///
    /// The relation is reflexive and transitive, so that no chain of exchanges leads out of what stood at its
    /// beginning. Both values may be any JSON: what does not fit the schema is wider.
    package func widening(of value: JSON, over ceiling: JSON, at path: String) -> String? {
        switch kind {
        case .object(let properties):
            guard let value = value.object, let ceiling = ceiling.object else { return path }
            return widening(of: value, over: ceiling, members: properties, at: path)
        case .array(let items, _, _) where narrowing == .subset:
            guard let elements = value.array, let above = ceiling.array else { return path }
            // An empty list could be read as "all".
            guard !elements.isEmpty || above.isEmpty else { return path }
            for (index, element) in elements.enumerated() {
                let inner = "\(path)[\(index)]"
                guard above.contains(where: { items.widening(of: element, over: $0, at: inner) == nil }) else {
                    return inner
                }
            }
            return nil
        case .number where narrowing == .max || narrowing == .min:
            guard let number = value.exactNumber, let bound = ceiling.exactNumber else { return path }
            let isWithin = narrowing == .max ? number <= bound : number >= bound
            return isWithin ? nil : path
        case .array, .string, .number, .boolean: return value.isSame(as: ceiling) ? nil : path
        }
    }

    private func widening(
        of value: JSONObject, over ceiling: JSONObject, members properties: [Property], at path: String
    ) -> String? {
        for property in properties {
            let inner = path + "." + property.name
            switch (value[property.name], ceiling[property.name]) {
            case (nil, nil): continue
            // Nobody above has set it: it is free only where the schema says so.
            case (_?, nil): if property.schema.narrowing != .pin { return inner }
            // Leaving a limit out would lift it.
            case (nil, _?): return inner
            case (let member?, let above?):
                if let wider = property.schema.widening(of: member, over: above, at: inner) { return wider }
            }
        }
        // What the schema does not know, in either of them, cannot be judged.
        let known = properties.count { value[$0.name] != nil }
        let knownAbove = properties.count { ceiling[$0.name] != nil }
        return known == value.count && knownAbove == ceiling.count ? nil : path
    }
}
