import Domain
import Glibc
import JSON
import JSONSchema

/// `parleyctl schema`: JSON Schema, draft 2020-12, as the platform understands it.
enum SchemaCommand: Command {
    static let name = "schema"
    static let summary = "run JSON Schema tests, or check files against a schema"
    static let usage = """
        parleyctl schema test DIR [--remotes DIR] [--assert-format]
        parleyctl schema validate SCHEMA FILE...
        """
    static let details = """
        test runs the .json files directly in DIR (or one file), which are in the format of the official test suite,
        lists what fails and ends with `N passed, N failed`; exit code 1 when any failed. Documents that references
        lead to are taken from --remotes, or from a folder `remotes` in DIR or up to four folders above it; where that
        has a folder of DIR's name, only that one. --assert-format makes the keyword `format` count, as the suite's
        folder optional/format needs it.

        validate prints OK or each violation (instance path, schema path, keyword, message) for each file; exit code 1
        when any file is not valid or cannot be read. SCHEMA is the path of a schema or one of the platform's own:
        \(EventSchema.allCases.map(\.rawValue).joined(separator: ", ")).
        """

    /// How many failures `test` lists.
    static let listedFailuresMax = 50

    static func run(_ arguments: inout Arguments) async throws {
        let remotes = try arguments.option("--remotes")
        let assertsFormat = try arguments.flag("--assert-format")
        let verb = try arguments.require("test or validate")
        switch verb {
        case "test":
            let path = try arguments.require("DIR")
            try arguments.finish()
            try test(SchemaSuitePlace(path: path, remotes: remotes), assertsFormat: assertsFormat)
        case "validate":
            if remotes != nil || assertsFormat {
                throw UsageError(reason: "--remotes and --assert-format go with test only")
            }
            let schema = try arguments.require("SCHEMA")
            let files = arguments.rest()
            try arguments.finish()
            if files.isEmpty { throw UsageError(reason: "FILE is missing") }
            try validate(schema, files)
        default:
            throw UsageError(reason: "schema can test or validate, not \(TerminalText.quoted(verb))")
        }
    }

    private static func test(_ place: SchemaSuitePlace, assertsFormat: Bool) throws {
        let runner = try SchemaSuiteRunner(
            remotes: place.remotes,
            folders: place.folders,
            configuration: .init(assertsFormat: assertsFormat)
        )
        let report = try runner.run(place.path)
        guard report.total > 0 else {
            throw OperatorError(
                .file,
                "\(TerminalText.quoted(place.path)) has no tests: name the folder that the .json files are directly in"
            )
        }
        for failure in report.failures.prefix(listedFailuresMax) {
            Console.print(TerminalText.clipped(failure, max: 500))
        }
        let more = report.failures.count - listedFailuresMax
        if more > 0 { Console.print("and \(more) more") }
        Console.print("\(report.passed) passed, \(report.failed) failed")
        if report.failed > 0 { throw SilentFailure() }
    }

    private static func validate(_ schema: String, _ files: [String]) throws {
        let compiled = try compiled(schema)
        var isValid = true
        for file in files {
            let name = TerminalText.clipped(file, max: 4096)
            do {
                let violations = compiled.violations(try SchemaFiles.read(file))
                Console.print(violations.isEmpty ? "\(name): OK" : "\(name): not valid")
                for violation in violations { Console.print("  " + line(violation)) }
                isValid = isValid && violations.isEmpty
            } catch {
                Console.print("\(name): cannot be read: \(TerminalText.oneLine(error.reason))")
                isValid = false
            }
        }
        if !isValid { throw SilentFailure() }
    }

    private static func line(_ violation: SchemaViolation) -> String {
        let instance = violation.instancePath.isEmpty ? "(root)" : violation.instancePath
        let parts = [instance, violation.schemaPath, violation.keyword, violation.message]
        return parts.map { TerminalText.clipped($0, max: 500) }.joined(separator: "  ")
    }

    private static func compiled(_ schema: String) throws -> CompiledSchema {
        guard let own = EventSchema(rawValue: schema) else {
            if access(schema, R_OK) != 0, !schema.contains("/"), !schema.contains(".") {
                let names = EventSchema.allCases.map(\.rawValue).joined(separator: ", ")
                throw OperatorError(
                    .file,
                    "there is no schema \(TerminalText.quoted(schema)): give a file, or one of \(names)"
                )
            }
            return try SchemaFileValidator(schema: schema).schema
        }
        let bytes = SchemaFile.bytes(named: "events/\(own.rawValue).json") ?? []
        return try JSONSchemaCompiler().compile(JSONValue.parse(bytes))
    }
}

/// Where a suite's tests are, and the documents that their references lead to.
struct SchemaSuitePlace: Equatable {
    /// The folder or file with the tests.
    let path: String
    /// The folder of the documents; nil when there is none.
    let remotes: String?
    /// Which folders in it count; nil means all.
    let folders: [String]?

    /// Finds the documents.
    ///
    /// - Parameters:
    ///   - path: Where the tests are.
    ///   - absolutePath: The same, from the root on, without links and dots.
    ///   - remotes: Where the documents are; nil to look for them.
    ///   - isFolder: Whether there is a folder at a path.
    init(path: String, absolutePath: String, remotes: String?, isFolder: (String) -> Bool) {
        self.path = path
        var components = absolutePath.split(separator: "/").map(String.init)
        // A file counts for its folder.
        if path.hasSuffix(".json") { components = components.dropLast() }
        var candidates: [String] = []
        for count in stride(from: components.count, through: max(0, components.count - Self.levelsMax), by: -1) {
            candidates.append("/" + (components.prefix(count) + ["remotes"]).joined(separator: "/"))
        }
        let found = remotes ?? candidates.first(where: isFolder)
        self.remotes = found
        folders = found.flatMap { found in
            components.suffix(Self.levelsMax).last { isFolder(found + "/" + $0) }.map { [$0] }
        }
    }

    /// Finds the documents of tests in the file system.
    init(path: String, remotes: String?) {
        let resolved = realpath(path, nil)
        defer { free(resolved) }
        let absolutePath = resolved.map { String(cString: $0) } ?? path
        let trimmed = absolutePath.hasSuffix(".json") || !path.hasSuffix("/") ? path : String(path.dropLast())
        self.init(path: trimmed, absolutePath: absolutePath, remotes: remotes, isFolder: Self.isFolder)
    }

    /// How many folders above the tests the documents may be: the official suite keeps some of its optional tests two
    /// below those of a draft, and the documents beside the parent of the draft's.
    private static let levelsMax = 4

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
