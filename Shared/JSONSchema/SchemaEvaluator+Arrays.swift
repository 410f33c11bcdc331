import JSON

/// Keywords for arrays.
extension SchemaEvaluator {
    mutating func check(_ elements: [JSONValue], _ node: SchemaNode, _ evaluated: inout Evaluated?) -> Bool {
        guard let rules = node.keywords.array else { return true }
        var isValid = checkCounts(elements, rules)
        if !isValid, !goesOn { return false }
        if !checkItems(elements, rules, &evaluated) {
            isValid = false
            if !goesOn { return false }
        }
        if let contains = rules.contains, !checkContains(elements, rules, contains, &evaluated) {
            isValid = false
            if !goesOn { return false }
        }
        guard let unevaluated = rules.unevaluatedItems else { return isValid }
        for (position, element) in elements.enumerated() where evaluated?.contains(position) != true {
            if !descend(unevaluated, element, into: .position(position), at: .name("unevaluatedItems")) {
                isValid = false
                if !goesOn { return false }
            }
        }
        evaluated?.insertAll()
        return isValid
    }

    private mutating func checkCounts(_ elements: [JSONValue], _ rules: ArrayRules) -> Bool {
        var isValid = true
        if let minItems = rules.minItems, elements.count < minItems {
            isValid = false
            if fails("minItems", "must have at least \(minItems) items") { return false }
        }
        if let maxItems = rules.maxItems, elements.count > maxItems {
            isValid = false
            if fails("maxItems", "must have at most \(maxItems) items") { return false }
        }
        if rules.uniqueItems, !Self.areUnique(elements) {
            isValid = false
            if fails("uniqueItems", "must not have equal items") { return false }
        }
        return isValid
    }

    private static func areUnique(_ elements: [JSONValue]) -> Bool {
        guard elements.count > 8 else {
            for (position, element) in elements.enumerated() where elements[..<position].contains(element) {
                return false
            }
            return true
        }
        return Set(elements).count == elements.count
    }

    private mutating func checkItems(
        _ elements: [JSONValue],
        _ rules: ArrayRules,
        _ evaluated: inout Evaluated?
    ) -> Bool {
        var isValid = true
        for (position, element) in elements.enumerated() {
            let isPassed: Bool
            if position < rules.prefixItems.count {
                isPassed = descend(
                    rules.prefixItems[position],
                    element,
                    into: .position(position),
                    at: .name("prefixItems"),
                    .position(position)
                )
            } else if let items = rules.items {
                isPassed = descend(items, element, into: .position(position), at: .name(rules.itemsKeyword))
            } else {
                break
            }
            evaluated?.insert(position)
            if !isPassed {
                isValid = false
                if !goesOn { return false }
            }
        }
        return isValid
    }

    private mutating func checkContains(
        _ elements: [JSONValue],
        _ rules: ArrayRules,
        _ contains: Int,
        _ evaluated: inout Evaluated?
    ) -> Bool {
        let least = rules.minContains ?? 1
        let most = rules.maxContains ?? Int.max
        var matches = 0
        for (position, element) in elements.enumerated() {
            var none: Evaluated?
            guard test(contains, element, &none) else { continue }
            matches += 1
            evaluated?.insert(position)
            // Enough is known, unless all that match must be marked.
            if evaluated == nil, matches > most || (matches >= least && most == Int.max) { break }
        }
        if matches < least {
            _ = fails(
                rules.minContains == nil ? "contains" : "minContains",
                "must have at least \(least) items that match the schema"
            )
            return false
        }
        if matches > most {
            _ = fails("maxContains", "must have at most \(most) items that match the schema")
            return false
        }
        return true
    }
}
