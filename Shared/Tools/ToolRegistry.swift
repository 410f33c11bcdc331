package import JSON
import JSONSchema

/// The tools that a service offers, with their parameter schemas compiled.
///
/// A value: build it at start and share it. Names are unique, schemas are valid, or registering throws.
package struct ToolRegistry: Sendable {
    /// Limits on what may be registered.
    package struct Configuration: Sendable, Equatable {
        /// Greatest number of tools.
        ///
        /// Default 1,024.
        package var toolsMax: Int
        /// Greatest size of a description in bytes.
        ///
        /// Default 16 KiB.
        package var descriptionBytesMax: Int
        /// Greatest size of a parameter schema as JSON text, in bytes.
        ///
        /// Default 128 KiB.
        package var parametersBytesMax: Int

        /// Makes a configuration; each limit has a default.
        package init(
            toolsMax: Int = 1_024,
            descriptionBytesMax: Int = 16 * 1024,
            parametersBytesMax: Int = 128 * 1024
        ) {
            self.toolsMax = toolsMax
            self.descriptionBytesMax = descriptionBytesMax
            self.parametersBytesMax = parametersBytesMax
        }
    }

    private struct Entry: Sendable {
        let tool: any Tool
        let definition: ToolDefinition
        let parameters: CompiledSchema
    }

    private let configuration: Configuration
    private var entries: [String: Entry] = [:]

    /// Makes a registry of tools.
    ///
    /// - Throws: ``ToolError`` when a definition is refused.
    package init(_ tools: [any Tool] = [], configuration: Configuration = Configuration()) throws(ToolError) {
        self.configuration = configuration
        for tool in tools { try register(tool) }
    }

    /// Adds a tool.
    ///
    /// - Throws: ``ToolError`` with the code `duplicateName` or `invalidDefinition`.
    package mutating func register(_ tool: any Tool) throws(ToolError) {
        let definition = tool.definition
        guard Self.isName(definition.name) else {
            throw ToolError(.invalidDefinition, "a tool's name must be 1–128 characters out of A-Z a-z 0-9 . _ : / -")
        }
        let name = definition.name
        guard entries[name] == nil else {
            throw ToolError(.duplicateName, "a tool named \(name) is registered already")
        }
        guard entries.count < configuration.toolsMax else {
            throw ToolError(.invalidDefinition, "no more than \(configuration.toolsMax) tools can be registered")
        }
        guard definition.description.utf8.count <= configuration.descriptionBytesMax else {
            throw ToolError(.invalidDefinition, "the description of \(name) is too long")
        }
        guard definition.timeout > .zero, definition.resultBytesMax > 0 else {
            throw ToolError(.invalidDefinition, "the limits of \(name) must be above zero")
        }
        guard definition.parameters["type"] == "object" else {
            throw ToolError(.invalidDefinition, "the parameter schema of \(name) must have the type object")
        }
        guard definition.parameters.serialized().count <= configuration.parametersBytesMax else {
            throw ToolError(.invalidDefinition, "the parameter schema of \(name) is too large")
        }
        do {
            let parameters = try JSONSchemaCompiler().compile(definition.parameters)
            entries[name] = Entry(tool: tool, definition: definition, parameters: parameters)
        } catch {
            throw ToolError(.invalidDefinition, "the parameter schema of \(name) is not valid: \(error)")
        }
    }

    private static func isName(_ name: String) -> Bool {
        (1...128).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                byte &- 48 < 10 || (byte | 0x20) &- 97 < 26 || "._:/-".utf8.contains(byte)
            }
    }

    /// Number of tools.
    package var count: Int { entries.count }

    /// The definitions, sorted by name.
    package var definitions: [ToolDefinition] {
        entries.values.map(\.definition).sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// The tool of a name.
    package subscript(name: String) -> (any Tool)? { entries[name]?.tool }

    /// The definition of a tool.
    package func definition(_ name: String) -> ToolDefinition? { entries[name]?.definition }

    /// Checks arguments against a tool's parameter schema.
    ///
    /// - Throws: ``ToolError`` with the code `unknownTool` or `invalidArguments`.
    package func validate(_ arguments: JSONValue, for name: String) throws(ToolError) {
        let entry = try entry(name)
        let violations = entry.parameters.violations(arguments)
        guard violations.isEmpty else {
            throw ToolError(.invalidArguments, "the arguments are not valid for \(name)", violations: violations)
        }
    }

    /// Validates the arguments, runs the tool and checks the result against its limit.
    ///
    /// It does not stop a tool that takes too long: whoever runs it cancels it at the deadline.
    /// - Throws: ``ToolError``; other errors of a tool become `failed` without their text, which may hold anything.
    package func run(
        _ name: String,
        _ arguments: JSONValue,
        context: ToolContext
    ) async throws(ToolError) -> JSONValue {
        try validate(arguments, for: name)
        let entry = try entry(name)
        guard entry.definition.approval != .always else {
            // Nobody can be asked yet. Where policies ask for an approval they deny, for the same reason.
            throw ToolError(
                .denied,
                "approval_required: a person must agree to each run of \(name), and none can be asked"
            )
        }
        let result: JSONValue
        do {
            result = try await entry.tool.run(arguments, context: context)
        } catch let error as ToolError {
            throw error
        } catch is CancellationError {
            throw ToolError(.timedOut, "\(name) was stopped before it had a result")
        } catch {
            throw ToolError(.failed, "\(name) failed")
        }
        guard case .object = result else { throw ToolError(.invalidResult, "the result of \(name) is no object") }
        let limit = entry.definition.resultBytesMax
        guard result.serialized().count <= limit else {
            throw ToolError(.invalidResult, "the result of \(name) is larger than \(limit) bytes")
        }
        return result
    }

    private func entry(_ name: String) throws(ToolError) -> Entry {
        guard let entry = entries[name] else { throw ToolError(.unknownTool, "there is no tool of this name") }
        return entry
    }
}

extension ToolRegistry {
    /// The tools that need nothing but themselves: `echo`, `timestamp`, `calculator`.
    package static var builtIn: [any Tool] { [EchoTool(), TimestampTool(), CalculatorTool()] }
}
