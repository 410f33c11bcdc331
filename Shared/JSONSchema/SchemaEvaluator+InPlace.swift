import JSON

/// Keywords that apply subschemas to the same value.
extension SchemaEvaluator {
    mutating func applyInPlace(_ node: SchemaNode, _ value: JSONValue, _ evaluated: inout Evaluated?) -> Bool {
        var isValid = true
        for reference in node.keywords.references {
            let target = resolve(reference)
            if !merging(&evaluated, { $0.apply(target, value, &$1, at: .name(reference.keyword)) }) {
                isValid = false
                if !goesOn { return false }
            }
        }
        for (position, child) in node.keywords.allOf.enumerated() {
            let isPassed = merging(&evaluated) { evaluator, branch in
                evaluator.apply(child, value, &branch, at: .name("allOf"), .position(position))
            }
            if !isPassed {
                isValid = false
                if !goesOn { return false }
            }
        }
        if !applyAlternatives(node, value, &evaluated) {
            isValid = false
            if !goesOn { return false }
        }
        if let condition = node.keywords.condition, !applyCondition(condition, value, &evaluated) {
            isValid = false
        }
        return isValid
    }

    /// Follows the dynamic scope from the outside for the first resource with a dynamic anchor of the name.
    private func resolve(_ reference: SchemaKeywords.Reference) -> Int {
        guard let name = reference.dynamicName else { return reference.target }
        for resource in scope {
            if let target = schema.dynamicTargets[name][resource] { return target }
        }
        return reference.target
    }

    /// Runs a branch with annotations of its own, which count only if it succeeds.
    @inline(__always)
    private mutating func merging(
        _ evaluated: inout Evaluated?,
        _ branch: (inout SchemaEvaluator, inout Evaluated?) -> Bool
    ) -> Bool {
        guard evaluated != nil else {
            var none: Evaluated?
            return branch(&self, &none)
        }
        var own: Evaluated? = Evaluated()
        guard branch(&self, &own) else { return false }
        if let own { evaluated?.formUnion(own) }
        return true
    }

    private mutating func applyAlternatives(
        _ node: SchemaNode,
        _ value: JSONValue,
        _ evaluated: inout Evaluated?
    ) -> Bool {
        var isValid = true
        if !node.keywords.anyOf.isEmpty {
            var isMatched = false
            for child in node.keywords.anyOf where merging(&evaluated, { $0.test(child, value, &$1) }) {
                isMatched = true
                // Every branch that matches adds what it has looked at, so all are tried when that matters.
                if evaluated == nil { break }
            }
            if !isMatched {
                isValid = false
                if fails("anyOf", "must match at least one of \(node.keywords.anyOf.count) schemas") { return false }
            }
        }
        if !node.keywords.oneOf.isEmpty {
            var matches = 0
            for child in node.keywords.oneOf where matches < 2 {
                if merging(&evaluated, { $0.test(child, value, &$1) }) { matches += 1 }
            }
            if matches != 1 {
                isValid = false
                let count = node.keywords.oneOf.count
                let found = matches == 0 ? "none" : "more than one"
                if fails("oneOf", "must match exactly one of \(count) schemas, matches \(found)") { return false }
            }
        }
        if let child = node.keywords.not {
            var none: Evaluated?
            if test(child, value, &none) {
                isValid = false
                if fails("not", "must not match the schema") { return false }
            }
        }
        return isValid
    }

    private mutating func applyCondition(
        _ condition: SchemaKeywords.Condition,
        _ value: JSONValue,
        _ evaluated: inout Evaluated?
    ) -> Bool {
        let test = condition.test
        if merging(&evaluated, { $0.test(test, value, &$1) }) {
            guard let then = condition.then else { return true }
            return merging(&evaluated) { $0.apply(then, value, &$1, at: .name("then")) }
        }
        guard let otherwise = condition.otherwise else { return true }
        return merging(&evaluated) { $0.apply(otherwise, value, &$1, at: .name("else")) }
    }
}
