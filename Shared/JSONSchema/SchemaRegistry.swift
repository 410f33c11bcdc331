import JSON

/// The schema documents that references may lead to, and every `$id` and anchor in them.
struct SchemaRegistry: Sendable {
    /// A place in a document: the value there and the base URI that applies to it.
    struct Location: Sendable {
        /// URI of the document, which with ``pointer`` names the place for ever.
        let document: String
        let pointer: String
        let value: JSONValue
        /// URI of the schema resource that encloses the place.
        let base: String

        var key: String { document + "#" + pointer }

        func child(_ tokens: String..., value: JSONValue) -> Location {
            let suffix = tokens.map { "/" + JSONPointer.escape($0) }.joined()
            return Location(document: document, pointer: pointer + suffix, value: value, base: base)
        }
    }

    /// A schema resource: a document's root or a subschema with an `$id`.
    struct Resource: Sendable {
        var root: Location
        var anchors: [String: Location] = [:]
        var dynamicAnchors: [String: Location] = [:]
        var dialect: Dialect
    }

    /// What the metaschema of a resource switches on.
    struct Dialect: Sendable, Equatable {
        var hasApplicators = true
        var hasUnevaluated = true
        var hasValidation = true
        var assertsFormat = false
        /// Draft 7 or older: `items` may be an array.
        var isLegacy = false
    }

    private(set) var resources: [String: Resource] = [:]

    static let maximumDepth = 256

    /// Adds a document under `uri`, its retrieval URI.
    mutating func add(_ document: JSONValue, uri: String) throws(JSONSchemaError) {
        let base = SchemaURI(uri).resolved(against: SchemaURI("")).resource
        let root = Location(document: base, pointer: "", value: document, base: base)
        try register(root, as: base, parent: Dialect())
        try scan(root, depth: 0)
    }

    private mutating func register(_ location: Location, as uri: String, parent: Dialect) throws(JSONSchemaError) {
        if let existing = resources[uri], existing.root.key != location.key {
            guard existing.root.value == location.value else {
                throw JSONSchemaError(.duplicateIdentifier, at: location.key, "another schema has the same $id")
            }
        }
        let dialect = try dialect(of: location, parent: parent)
        resources[uri] = Resource(root: location, dialect: dialect)
    }

    /// Keywords whose value is a schema.
    static let schemaKeywords: Set<String> = [
        "additionalProperties", "additionalItems", "contains", "contentSchema", "else", "if", "items", "not",
        "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
    ]
    /// Keywords whose value is a list of schemas.
    static let listKeywords: Set<String> = ["allOf", "anyOf", "oneOf", "prefixItems", "items"]
    /// Keywords whose value maps names to schemas.
    static let mapKeywords: Set<String> = [
        "$defs", "definitions", "dependentSchemas", "dependencies", "patternProperties", "properties",
    ]

    /// Finds every `$id` and anchor at and below a place; only keywords that hold schemas are followed.
    private mutating func scan(_ start: Location, depth: Int) throws(JSONSchemaError) {
        guard depth < Self.maximumDepth else {
            throw JSONSchemaError(.tooLarge, at: start.key, "schema nests too deep")
        }
        guard case .object(let object) = start.value else { return }
        let location = try enter(start, object)
        for (name, isDynamic) in [("$anchor", false), ("$dynamicAnchor", true)] {
            guard let value = object[name] else { continue }
            guard let anchor = value.stringValue, Self.isAnchor(anchor) else {
                throw JSONSchemaError(.invalidKeyword, at: location.key, "\(name) must be a plain name")
            }
            if let other = resources[location.base]?.anchors[anchor], other.key != location.key {
                throw JSONSchemaError(.duplicateIdentifier, at: location.key, "another schema has the same anchor")
            }
            resources[location.base]?.anchors[anchor] = location
            if isDynamic { resources[location.base]?.dynamicAnchors[anchor] = location }
        }
        for member in object {
            for child in Self.subschemas(of: member, at: location) { try scan(child, depth: depth + 1) }
        }
    }

    /// The subschemas that one keyword holds.
    static func subschemas(of member: JSONObject.Member, at location: Location) -> [Location] {
        switch member.value {
        case .array(let elements) where listKeywords.contains(member.key):
            elements.enumerated().map { location.child(member.key, "\($0)", value: $1) }
        case .object(let children) where mapKeywords.contains(member.key):
            children.map { location.child(member.key, $0.key, value: $0.value) }
        case .object where schemaKeywords.contains(member.key):
            [location.child(member.key, value: member.value)]
        default: []
        }
    }

    /// Takes a subschema's `$id` into account: its base URI changes and it becomes a resource.
    private mutating func enter(_ location: Location, _ object: JSONObject) throws(JSONSchemaError) -> Location {
        guard let value = object["$id"] else { return location }
        guard let text = value.stringValue else {
            throw JSONSchemaError(.invalidKeyword, at: location.key, "$id must be a string")
        }
        let parent = resources[location.base]?.dialect ?? Dialect()
        let identifier = SchemaURI(text)
        if let fragment = identifier.fragment, !fragment.isEmpty {
            guard parent.isLegacy || resources[location.base] == nil else {
                throw JSONSchemaError(.invalidKeyword, at: location.key, "$id must not have a fragment")
            }
            return location
        }
        let base = identifier.resolved(against: SchemaURI(location.base)).resource
        let entered = Location(
            document: location.document,
            pointer: location.pointer,
            value: location.value,
            base: base
        )
        try register(entered, as: base, parent: parent)
        return entered
    }

    private static func isAnchor(_ text: String) -> Bool {
        guard let first = text.utf8.first, first | 0x20 >= 97 && first | 0x20 <= 122 || first == 95 else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            byte | 0x20 >= 97 && byte | 0x20 <= 122 || byte >= 48 && byte <= 57 || byte == 95 || byte == 45
                || byte == 46
        }
    }

    // MARK: Dialects

    private static let vocabularyPrefix = "https://json-schema.org/draft/2020-12/vocab/"
    private static let knownVocabularies: Set<String> = [
        "core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "format-assertion",
        "content",
    ]

    private func dialect(of location: Location, parent: Dialect) throws(JSONSchemaError) -> Dialect {
        guard let value = location.value["$schema"] else { return parent }
        guard let text = value.stringValue else {
            throw JSONSchemaError(.invalidKeyword, at: location.key, "$schema must be a string")
        }
        let uri = SchemaURI(text).resource
        for draft in ["draft-03", "draft-04", "draft-06", "draft-07"] where uri.contains("json-schema.org/\(draft)/") {
            return Dialect(isLegacy: true)
        }
        if uri.contains("json-schema.org/draft/2019-09/") { return Dialect(isLegacy: true) }
        if uri == Metaschema.uri { return Dialect() }
        guard let metaschema = resources[uri]?.root.value else {
            throw JSONSchemaError(.unknownMetaschema, at: location.key, "$schema names a metaschema that is not known")
        }
        guard case .object(let vocabularies)? = metaschema["$vocabulary"] else { return Dialect() }
        var names: Set<String> = []
        for member in vocabularies {
            let isKnown = member.key.hasPrefix(Self.vocabularyPrefix)
            let name = String(member.key.dropFirst(Self.vocabularyPrefix.count))
            if isKnown, Self.knownVocabularies.contains(name) {
                names.insert(name)
            } else if member.value == true {
                throw JSONSchemaError(.unsupportedVocabulary, at: location.key, "a required vocabulary is not known")
            }
        }
        return Dialect(
            hasApplicators: names.contains("applicator"),
            hasUnevaluated: names.contains("unevaluated"),
            hasValidation: names.contains("validation"),
            assertsFormat: names.contains("format-assertion")
        )
    }

    // MARK: References

    /// Where a reference leads that stands in the resource `base`.
    func resolve(_ reference: String, base: String, at place: String) throws(JSONSchemaError) -> Location {
        let uri = SchemaURI(reference).resolved(against: SchemaURI(base))
        guard let fragment = uri.decodedFragment else {
            throw JSONSchemaError(.invalidURI, at: place, "the reference has a malformed percent escape")
        }
        guard let resource = resource(uri.resource) else {
            throw JSONSchemaError(.unresolvedReference, at: place, "no schema is known under the referenced URI")
        }
        if fragment.isEmpty { return resource.root }
        if fragment.hasPrefix("/") {
            guard let pointer = JSONPointer(fragment), let found = follow(pointer, from: resource.root) else {
                throw JSONSchemaError(.unresolvedReference, at: place, "the reference's JSON Pointer leads nowhere")
            }
            return found
        }
        guard let found = resource.anchors[fragment] else {
            throw JSONSchemaError(.unresolvedReference, at: place, "no anchor of the referenced name")
        }
        return found
    }

    /// The resource known under a URI; a document that was added under one URI and has another as `$id` is one
    /// resource.
    private func resource(_ uri: String) -> Resource? {
        guard let found = resources[uri], let identifier = found.root.value["$id"]?.stringValue else {
            return resources[uri]
        }
        let own = SchemaURI(identifier).resolved(against: SchemaURI(found.root.base)).resource
        guard let resource = resources[own], resource.root.key == found.root.key else { return found }
        return resource
    }

    /// Walks down, changing the base URI wherever a subschema with an `$id` is passed.
    private func follow(_ pointer: JSONPointer, from root: Location) -> Location? {
        var current = root
        for token in pointer.tokens {
            guard let next = current.value.value(at: JSONPointer(tokens: [token])) else { return nil }
            let child = current.child(token, value: next)
            current =
                resources.values.first { $0.root.key == child.key && $0.root.base != $0.root.document }?.root
                ?? child
        }
        return current
    }
}
