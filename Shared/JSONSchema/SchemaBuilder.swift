import JSON

/// Compiles the subschemas that can be reached from a root, each place once.
struct SchemaBuilder {
    typealias Location = SchemaRegistry.Location

    let registry: SchemaRegistry
    let configuration: JSONSchemaCompiler.Configuration
    private var nodes: [SchemaKeywords?] = []
    private var indexByKey: [String: Int] = [:]
    private var pending: [(index: Int, location: Location)] = []
    private var resourceIndexes: [String: Int] = [:]
    private var dynamicNames: [String: Int] = [:]

    init(registry: SchemaRegistry, configuration: JSONSchemaCompiler.Configuration) {
        self.registry = registry
        self.configuration = configuration
    }

    mutating func build(_ root: Location) throws(JSONSchemaError) -> CompiledSchema {
        let rootIndex = try node(root)
        var targets: [[Int: Int]] = []
        // Compiling the targets of dynamic references may reach new resources, which may have targets of their own.
        repeat {
            while let (index, location) = pending.popLast() { nodes[index] = try keywords(location) }
            targets = try dynamicTargets()
        } while !pending.isEmpty
        return CompiledSchema(
            nodes: nodes.map { SchemaNode($0 ?? SchemaKeywords()) },
            root: rootIndex,
            dynamicTargets: targets,
            configuration: configuration
        )
    }

    private mutating func dynamicTargets() throws(JSONSchemaError) -> [[Int: Int]] {
        var targets: [[Int: Int]] = Array(repeating: [:], count: dynamicNames.count)
        for (name, position) in dynamicNames {
            for (uri, resource) in resourceIndexes {
                guard let location = registry.resources[uri]?.dynamicAnchors[name] else { continue }
                targets[position][resource] = try node(location)
            }
        }
        return targets
    }

    /// The position of the node for a place; compiles it later when it is new.
    mutating func node(_ location: Location) throws(JSONSchemaError) -> Int {
        // The same place may be reached with the base of its own $id or of its parent: the own one is right.
        let location = entered(location)
        if let known = indexByKey[location.key] { return known }
        guard nodes.count < configuration.nodesMax else {
            throw JSONSchemaError(.tooLarge, at: location.key, "more than \(configuration.nodesMax) subschemas")
        }
        let index = nodes.count
        nodes.append(nil)
        indexByKey[location.key] = index
        pending.append((index, location))
        return index
    }

    private func entered(_ location: Location) -> Location {
        guard let identifier = location.value["$id"]?.stringValue else { return location }
        let uri = SchemaURI(identifier).resolved(against: SchemaURI(location.base)).resource
        guard let root = registry.resources[uri]?.root, root.key == location.key else { return location }
        return root
    }

    private mutating func resourceIndex(_ uri: String) -> Int {
        if let known = resourceIndexes[uri] { return known }
        let index = resourceIndexes.count
        resourceIndexes[uri] = index
        return index
    }

    private mutating func keywords(_ location: Location) throws(JSONSchemaError) -> SchemaKeywords {
        var keywords = SchemaKeywords()
        keywords.resource = resourceIndex(location.base)
        switch location.value {
        case .bool(let verdict):
            keywords.verdict = verdict
            return keywords
        case .object(let object):
            let dialect = registry.resources[location.base]?.dialect ?? SchemaRegistry.Dialect()
            let reader = KeywordReader(
                object: object,
                location: location,
                dialect: dialect,
                patternStepsMax: configuration.patternStepsMax
            )
            try references(reader, &keywords)
            if dialect.hasValidation { try reader.readAssertions(into: &keywords) }
            try reader.readFormat(into: &keywords, isAsserted: configuration.assertsFormat || dialect.assertsFormat)
            if dialect.hasApplicators { try applicators(reader, &keywords) }
            if dialect.hasUnevaluated {
                if let child = try schema(reader, "unevaluatedItems") {
                    keywords.array = keywords.array ?? ArrayRules()
                    keywords.array?.unevaluatedItems = child
                }
                if let child = try schema(reader, "unevaluatedProperties") {
                    keywords.object = keywords.object ?? ObjectRules()
                    keywords.object?.unevaluatedProperties = child
                }
            }
            keywords.hasInPlaceApplicators =
                !keywords.references.isEmpty || !keywords.allOf.isEmpty || !keywords.anyOf.isEmpty
                || !keywords.oneOf.isEmpty || keywords.not != nil || keywords.condition != nil
            return keywords
        default: throw JSONSchemaError(.invalidKeyword, at: location.key, "a schema must be an object or a boolean")
        }
    }

    private mutating func references(_ reader: KeywordReader, _ keywords: inout SchemaKeywords) throws(JSONSchemaError)
    {
        for keyword in ["$ref", "$dynamicRef"] {
            guard let text = try reader.string(keyword) else { continue }
            let target = try registry.resolve(text, base: reader.location.base, at: reader.location.key)
            var dynamicName: Int?
            if keyword == "$dynamicRef", let name = SchemaURI(text).decodedFragment, !name.isEmpty,
                registry.resources[target.base]?.dynamicAnchors[name]?.key == target.key
            {
                dynamicName = dynamicNames[name] ?? dynamicNames.count
                dynamicNames[name] = dynamicName
            }
            keywords.references.append(
                SchemaKeywords.Reference(keyword: keyword, target: try node(target), dynamicName: dynamicName)
            )
        }
    }

    // MARK: Applicators

    private mutating func schema(_ reader: KeywordReader, _ keyword: String) throws(JSONSchemaError) -> Int? {
        guard let value = reader.object[keyword] else { return nil }
        return try node(reader.location.child(keyword, value: value))
    }

    private mutating func list(_ reader: KeywordReader, _ keyword: String) throws(JSONSchemaError) -> [Int] {
        guard let value = reader.object[keyword] else { return [] }
        guard let elements = value.arrayValue, !elements.isEmpty else {
            throw reader.invalid(keyword, "must be a list of schemas with at least one")
        }
        var children: [Int] = []
        for (position, element) in elements.enumerated() {
            children.append(try node(reader.location.child(keyword, "\(position)", value: element)))
        }
        return children
    }

    private mutating func map(
        _ reader: KeywordReader,
        _ keyword: String
    ) throws(JSONSchemaError) -> [(name: String, node: Int)] {
        guard let value = reader.object[keyword] else { return [] }
        guard let object = value.objectValue else { throw reader.invalid(keyword, "must map names to schemas") }
        var children: [(name: String, node: Int)] = []
        for member in object {
            children.append((member.key, try node(reader.location.child(keyword, member.key, value: member.value))))
        }
        return children
    }

    private mutating func applicators(_ reader: KeywordReader, _ keywords: inout SchemaKeywords) throws(JSONSchemaError)
    {
        keywords.allOf = try list(reader, "allOf")
        keywords.anyOf = try list(reader, "anyOf")
        keywords.oneOf = try list(reader, "oneOf")
        keywords.not = try schema(reader, "not")
        if let test = try schema(reader, "if") {
            let then = try schema(reader, "then")
            let otherwise = try schema(reader, "else")
            keywords.condition = SchemaKeywords.Condition(test: test, then: then, otherwise: otherwise)
        }
        try arrayApplicators(reader, &keywords)
        try objectApplicators(reader, &keywords)
    }

    private mutating func arrayApplicators(
        _ reader: KeywordReader,
        _ keywords: inout SchemaKeywords
    ) throws(JSONSchemaError) {
        let isTuple = reader.dialect.isLegacy && reader.object["items"]?.arrayValue != nil
        guard ["prefixItems", "items", "contains"].contains(where: { reader.object[$0] != nil }) else { return }
        var rules = keywords.array ?? ArrayRules()
        rules.prefixItems = isTuple ? try list(reader, "items") : try list(reader, "prefixItems")
        rules.itemsKeyword = isTuple ? "additionalItems" : "items"
        rules.items = try schema(reader, rules.itemsKeyword)
        rules.contains = try schema(reader, "contains")
        keywords.array = rules
    }

    private mutating func objectApplicators(
        _ reader: KeywordReader,
        _ keywords: inout SchemaKeywords
    ) throws(JSONSchemaError) {
        var rules = keywords.object ?? ObjectRules()
        rules.properties = PropertyTable(try map(reader, "properties"))
        for (source, node) in try map(reader, "patternProperties") {
            rules.patternProperties.append((try reader.pattern(source, "patternProperties"), source, node))
        }
        rules.additionalProperties = try schema(reader, "additionalProperties")
        rules.propertyNames = try schema(reader, "propertyNames")
        for (name, node) in try map(reader, "dependentSchemas") {
            rules.dependentSchemas.append(("dependentSchemas", name, node))
        }
        if let dependencies = reader.object["dependencies"]?.objectValue {
            for member in dependencies {
                if case .array = member.value {
                    let required = try reader.names(member.value, "dependencies")
                    rules.dependentRequired.append((member.key, required))
                } else {
                    let child = reader.location.child("dependencies", member.key, value: member.value)
                    rules.dependentSchemas.append(("dependencies", member.key, try node(child)))
                }
            }
        }
        let isUsed =
            rules.visitsMembers || !rules.dependentSchemas.isEmpty || !rules.dependentRequired.isEmpty
        if keywords.object != nil || isUsed { keywords.object = rules }
    }
}
