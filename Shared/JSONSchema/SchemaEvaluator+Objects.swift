import JSON

/// Keywords for objects.
extension SchemaEvaluator {
    mutating func check(_ object: JSONObject, _ node: SchemaNode, _ evaluated: inout Evaluated?) -> Bool {
        guard let rules = node.keywords.object else { return true }
        var isValid = checkPresence(object, rules)
        if !isValid, !goesOn { return false }
        if rules.visitsMembers, !checkMembers(object, rules, &evaluated) {
            isValid = false
            if !goesOn { return false }
        }
        for (keyword, name, child) in rules.dependentSchemas where object.contains(name) {
            var own: Evaluated? = evaluated == nil ? nil : Evaluated()
            if apply(child, .object(object), &own, at: .name(keyword), .name(name)) {
                if let own { evaluated?.formUnion(own) }
            } else {
                isValid = false
                if !goesOn { return false }
            }
        }
        guard let unevaluated = rules.unevaluatedProperties else { return isValid }
        for (position, member) in object.members.enumerated() where evaluated?.contains(position) != true {
            if !descend(unevaluated, member.value, into: .name(member.key), at: .name("unevaluatedProperties")) {
                isValid = false
                if !goesOn { return false }
            }
        }
        evaluated?.insertAll()
        return isValid
    }

    private mutating func checkPresence(_ object: JSONObject, _ rules: ObjectRules) -> Bool {
        var isValid = true
        for name in rules.required where !object.contains(name) {
            isValid = false
            if fails("required", "must have the member \(name)") { return false }
        }
        if let minProperties = rules.minProperties, object.count < minProperties {
            isValid = false
            if fails("minProperties", "must have at least \(minProperties) members") { return false }
        }
        if let maxProperties = rules.maxProperties, object.count > maxProperties {
            isValid = false
            if fails("maxProperties", "must have at most \(maxProperties) members") { return false }
        }
        for (name, required) in rules.dependentRequired where object.contains(name) {
            for other in required where !object.contains(other) {
                isValid = false
                if fails("dependentRequired", "must have the member \(other) because it has \(name)") { return false }
            }
        }
        return isValid
    }

    private mutating func checkMembers(
        _ object: JSONObject,
        _ rules: ObjectRules,
        _ evaluated: inout Evaluated?
    ) -> Bool {
        var isValid = true
        for position in object.members.indices {
            let member = object.members[position]
            if let names = rules.propertyNames, !checkName(member.key, names) {
                isValid = false
                if !goesOn { return false }
            }
            var isMatched = false
            if let child = rules.properties.node(for: member.key) {
                isMatched = true
                if !descend(child, member.value, into: .name(member.key), at: .name("properties"), .name(member.key)) {
                    isValid = false
                    if !goesOn { return false }
                }
            }
            if !rules.patternProperties.isEmpty, !checkPatterns(member, rules, &isMatched) {
                isValid = false
                if !goesOn { return false }
            }
            if !isMatched, let child = rules.additionalProperties {
                isMatched = true
                if !descend(child, member.value, into: .name(member.key), at: .name("additionalProperties")) {
                    isValid = false
                    if !goesOn { return false }
                }
            }
            if isMatched { evaluated?.insert(position) }
        }
        return isValid
    }

    private mutating func checkName(_ name: String, _ index: Int) -> Bool {
        var none: Evaluated?
        return apply(index, .string(name), &none, at: .name("propertyNames"))
    }

    private mutating func checkPatterns(
        _ member: JSONObject.Member,
        _ rules: ObjectRules,
        _ isMatched: inout Bool
    ) -> Bool {
        var isValid = true
        for (pattern, source, child) in rules.patternProperties {
            switch pattern.match(member.key) {
            case .unmatched: continue
            case .exhausted:
                abort("patternProperties", "has a name that takes too many steps to match with a pattern")
                return false
            case .matched: break
            }
            isMatched = true
            if !descend(
                child,
                member.value,
                into: .name(member.key),
                at: .name("patternProperties"),
                .name(source)
            ) {
                isValid = false
                if !goesOn { return false }
            }
        }
        return isValid
    }
}
