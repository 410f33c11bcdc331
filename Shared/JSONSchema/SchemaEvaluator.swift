import JSON

/// Checks one value against one schema.
///
/// Without violations to collect it stops at the first one and keeps no paths. With them it goes on, except inside
/// `anyOf`, `oneOf`, `not`, `if` and `contains`, where a failing branch is no violation by itself.
struct SchemaEvaluator {
    /// A step of a path, kept as it is until a violation needs the text.
    enum Step {
        case name(String)
        case position(Int)

        var text: String {
            switch self {
            case .name(let name): "/" + JSONPointer.escape(Self.shortened(name))
            case .position(let position): "/\(position)"
            }
        }

        /// Names come from whoever wrote the value and may be of any length.
        private static func shortened(_ name: String) -> String {
            guard name.utf8.count > 128 else { return name }
            return String(String.UnicodeScalarView(name.unicodeScalars.prefix(32))) + "…"
        }
    }

    let schema: CompiledSchema
    private(set) var violations: [SchemaViolation] = []
    var collects: Bool
    var instancePath: [Step] = []
    var schemaPath: [Step] = []
    /// The schema resources entered, outermost first.
    var scope: [Int] = []
    let tracksScope: Bool
    private var depth = 0
    private var visits = 0
    /// Set when a limit was reached: from then on everything fails, so that no `not` turns it into a success.
    private(set) var isAborted = false

    init(schema: CompiledSchema, collectsViolations: Bool) {
        self.schema = schema
        self.collects = collectsViolations
        self.tracksScope = !schema.dynamicTargets.isEmpty
    }

    mutating func run(_ value: JSONValue) -> Bool {
        var evaluated: Evaluated?
        return evaluate(schema.root, value, &evaluated) && !isAborted
    }

    // MARK: Violations

    /// Notes a violation; true when evaluation should stop.
    mutating func fails(_ keyword: String, _ message: @autoclosure () -> String) -> Bool {
        guard collects, violations.count < schema.configuration.violationsMax else { return true }
        let keywordPath = keyword.isEmpty ? "" : "/" + keyword
        violations.append(
            SchemaViolation(
                instancePath: instancePath.map(\.text).joined(),
                schemaPath: schemaPath.map(\.text).joined() + keywordPath,
                keyword: keyword,
                message: message()
            )
        )
        return violations.count >= schema.configuration.violationsMax
    }

    /// Gives up because a limit was reached.
    mutating func abort(_ keyword: String, _ message: String) {
        guard !isAborted else { return }
        isAborted = true
        let wasCollecting = collects
        collects = true
        // Why checking ended matters more than the last of many violations.
        if violations.count >= schema.configuration.violationsMax { violations.removeLast() }
        _ = fails(keyword, message)
        collects = wasCollecting
    }

    // MARK: Nodes

    /// Checks `value` against a node; what was looked at goes into `evaluated` unless that is nil.
    mutating func evaluate(_ index: Int, _ value: JSONValue, _ evaluated: inout Evaluated?) -> Bool {
        let node = schema.nodes[index]
        visits += 1
        guard visits <= schema.configuration.visitsMax, depth < schema.configuration.depthMax, !isAborted else {
            abort("", "takes too many steps to check")
            return false
        }
        if let verdict = node.keywords.verdict {
            return verdict || (fails("", "is not allowed") && false)
        }
        depth += 1
        defer { depth -= 1 }
        guard tracksScope, scope.last != node.keywords.resource else { return evaluate(node, value, &evaluated) }
        scope.append(node.keywords.resource)
        defer { scope.removeLast() }
        return evaluate(node, value, &evaluated)
    }

    private mutating func evaluate(_ node: SchemaNode, _ value: JSONValue, _ outer: inout Evaluated?) -> Bool {
        let needsOwn =
            node.keywords.object?.unevaluatedProperties != nil || node.keywords.array?.unevaluatedItems != nil
        guard needsOwn, outer == nil else { return check(node, value, &outer) }
        var own: Evaluated? = Evaluated()
        return check(node, value, &own)
    }

    private mutating func check(_ node: SchemaNode, _ value: JSONValue, _ evaluated: inout Evaluated?) -> Bool {
        var isValid = true
        if let types = node.keywords.types, !types.allows(value) {
            isValid = false
            if fails("type", "must be \(types.text)") { return false }
        }
        if !checkFixedValues(node, value) {
            isValid = false
            if !collects { return false }
        }
        if node.keywords.hasInPlaceApplicators, !applyInPlace(node, value, &evaluated) {
            isValid = false
            if !goesOn { return false }
        }
        let typed =
            switch value {
            case .string(let text): check(text, node.keywords.string)
            case .number(let number): check(number, node.keywords.number)
            case .array(let elements): check(elements, node, &evaluated)
            case .object(let object): check(object, node, &evaluated)
            case .null, .bool: true
            }
        return typed && isValid
    }

    /// Whether a failed part leaves something to collect.
    var goesOn: Bool { collects && !isAborted && violations.count < schema.configuration.violationsMax }

    private mutating func checkFixedValues(_ node: SchemaNode, _ value: JSONValue) -> Bool {
        if let set = node.keywords.enumerationSet {
            if !set.contains(value) {
                _ = fails("enum", "must be one of \(set.count) fixed values")
                return false
            }
        } else if let enumeration = node.keywords.enumeration, !enumeration.contains(value) {
            _ = fails("enum", Self.enumerationMessage(enumeration))
            return false
        }
        if let constant = node.keywords.constant, constant != value {
            _ = fails("const", "must be the one value that the schema allows")
            return false
        }
        return true
    }

    /// The values come from the schema, which is no user's text, so they may be said.
    private static func enumerationMessage(_ values: [JSONValue]) -> String {
        let texts = values.map(\.string)
        guard texts.reduce(0, { $0 + $1.utf8.count }) <= 256 else {
            return "must be one of \(values.count) fixed values"
        }
        return "must be one of " + texts.joined(separator: ", ")
    }

    /// Evaluates a subschema for the same value, with the path to it.
    mutating func apply(
        _ index: Int,
        _ value: JSONValue,
        _ evaluated: inout Evaluated?,
        at steps: Step...
    ) -> Bool {
        guard collects else { return evaluate(index, value, &evaluated) }
        schemaPath += steps
        defer { schemaPath.removeLast(steps.count) }
        return evaluate(index, value, &evaluated)
    }

    /// Evaluates a subschema for a member or an item of the value.
    mutating func descend(_ index: Int, _ value: JSONValue, into step: Step, at steps: Step...) -> Bool {
        var none: Evaluated?
        guard collects else { return evaluate(index, value, &none) }
        schemaPath += steps
        instancePath.append(step)
        defer {
            schemaPath.removeLast(steps.count)
            instancePath.removeLast()
        }
        return evaluate(index, value, &none)
    }

    /// Evaluates without noting violations.
    mutating func test(_ index: Int, _ value: JSONValue, _ evaluated: inout Evaluated?) -> Bool {
        let wasCollecting = collects
        collects = false
        defer { collects = wasCollecting }
        return evaluate(index, value, &evaluated)
    }
}
