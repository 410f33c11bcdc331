package import JSON

/// Turns schemas of draft 2020-12 into ``CompiledSchema``s.
///
/// References are resolved among the documents that were added; nothing is ever fetched.
///
/// ```swift
/// var compiler = JSONSchemaCompiler()
/// try compiler.add(addressSchema, uri: "https://example.org/address.json")
/// let schema = try compiler.compile(personSchema)
/// let isValid = schema.isValid(person)
/// ```
package struct JSONSchemaCompiler: Sendable {
    /// How schemas are compiled, and how much they may ask for.
    package struct Configuration: Sendable, Equatable {
        /// Whether `format` is checked, and not only noted.
        ///
        /// Default true.
        package var assertsFormat: Bool
        /// Greatest number of subschemas that one compiled schema may have.
        ///
        /// Default 20,000.
        package var nodesMax: Int
        /// Greatest number of violations that one validation reports.
        ///
        /// Default 32.
        package var violationsMax: Int
        /// Greatest depth of subschemas within each other while a value is checked.
        ///
        /// Default 256.
        package var depthMax: Int
        /// Greatest number of subschemas that one validation may visit.
        ///
        /// Default 10,000,000.
        package var visitsMax: Int
        /// Greatest number of steps that matching one pattern with one text may take.
        ///
        /// Default 10,000,000: about 0.15 s.
        package var patternStepsMax: Int

        /// Makes a configuration; each limit has a default.
        package init(
            assertsFormat: Bool = true,
            nodesMax: Int = 20_000,
            violationsMax: Int = 32,
            depthMax: Int = 256,
            visitsMax: Int = 10_000_000,
            patternStepsMax: Int = 10_000_000
        ) {
            precondition(nodesMax > 0 && violationsMax > 0 && visitsMax > 0, "limits must be positive")
            precondition(patternStepsMax > 0, "limits must be positive")
            precondition(depthMax > 0 && depthMax <= 1_024, "depthMax must be 1...1024: validation recurses")
            self.assertsFormat = assertsFormat
            self.nodesMax = nodesMax
            self.violationsMax = violationsMax
            self.depthMax = depthMax
            self.visitsMax = visitsMax
            self.patternStepsMax = patternStepsMax
        }
    }

    /// The configuration.
    package let configuration: Configuration
    private var registry: SchemaRegistry

    /// The base URI of schemas that have no `$id`.
    package static let anonymousURI = "urn:parley:schema"

    /// Makes a compiler that knows the metaschema of draft 2020-12 and its vocabularies, and nothing else.
    package init(configuration: Configuration = Configuration()) {
        self.configuration = configuration
        self.registry = Metaschema.registry
    }

    /// Makes a document known to references under `uri`, or under its `$id` when `uri` is nil.
    ///
    /// - Throws: ``JSONSchemaError`` when the document has identifiers that clash or cannot be read.
    package mutating func add(_ document: JSONValue, uri: String? = nil) throws(JSONSchemaError) {
        guard let uri = uri ?? document["$id"]?.stringValue else {
            throw JSONSchemaError(.invalidURI, at: "", "a document without $id needs a URI to be added under")
        }
        try registry.add(document, uri: uri)
    }

    /// Compiles a schema; its relative references start at its `$id`, or else at `baseURI`.
    ///
    /// - Throws: ``JSONSchemaError`` that names the place in the schema.
    package func compile(
        _ schema: JSONValue,
        baseURI: String = JSONSchemaCompiler.anonymousURI
    ) throws(JSONSchemaError) -> CompiledSchema {
        var registry = registry
        try registry.add(schema, uri: baseURI)
        return try Self.build(registry, uri: baseURI, configuration)
    }

    /// Compiles a schema that was added, by its URI, which may have a fragment.
    ///
    /// - Throws: ``JSONSchemaError`` that names the place in the schema.
    package func compile(uri: String) throws(JSONSchemaError) -> CompiledSchema {
        try Self.build(registry, uri: uri, configuration)
    }

    private static func build(
        _ registry: SchemaRegistry,
        uri: String,
        _ configuration: Configuration
    ) throws(JSONSchemaError) -> CompiledSchema {
        let root = try registry.resolve(uri, base: "", at: uri)
        var builder = SchemaBuilder(registry: registry, configuration: configuration)
        return try builder.build(root)
    }
}
