package import JSON

#if canImport(Glibc)
import Glibc
#endif

/// Runs tests in the format of the official JSON Schema test suite: files that hold groups of a schema and instances,
/// each with the verdict it must get.
package struct SchemaSuiteRunner: Sendable {
    /// What came out.
    package struct Report: Sendable, Equatable {
        /// Number of instances judged as they should be.
        package var passed = 0
        /// Number of instances judged otherwise.
        package var failed = 0
        /// One line for each failure: file, group, test, and what happened.
        package var failures: [String] = []

        /// Number of instances.
        package var total: Int { passed + failed }
    }

    /// How schemas are compiled.
    package let configuration: JSONSchemaCompiler.Configuration
    private let compiler: JSONSchemaCompiler

    /// Makes a runner.
    ///
    /// - Parameters:
    ///   - remotes: a folder of documents that references may lead to, or nil.
    ///   - remotesURI: the URI that the folder stands for; the official suite uses `http://localhost:1234`.
    ///   - folders: which subfolders of `remotes` to take, besides the files directly in it; nil for all.
    ///   - configuration: how schemas are compiled; the official suite does not assert formats.
    /// - Throws: ``JSONSchemaError`` when a document cannot be read.
    package init(
        remotes: String? = nil,
        remotesURI: String = "http://localhost:1234",
        folders: [String]? = nil,
        configuration: JSONSchemaCompiler.Configuration = .init(assertsFormat: false)
    ) throws(JSONSchemaError) {
        self.configuration = configuration
        var compiler = JSONSchemaCompiler(configuration: configuration)
        if let remotes {
            for file in try SchemaFiles.list(remotes, suffix: ".json", isRecursive: true) {
                if let folders, let slash = file.firstIndex(of: "/") {
                    guard folders.contains(String(file[..<slash])) else { continue }
                }
                try compiler.add(try SchemaFiles.read(remotes + "/" + file), uri: remotesURI + "/" + file)
            }
        }
        self.compiler = compiler
    }

    /// Runs all `.json` files directly in a folder, or one file.
    ///
    /// - Throws: ``JSONSchemaError`` when a file cannot be read or is no test file.
    package func run(_ path: String) throws(JSONSchemaError) -> Report {
        var report = Report()
        let files = path.hasSuffix(".json") ? [""] : try SchemaFiles.list(path, suffix: ".json", isRecursive: false)
        for file in files {
            let name = file.isEmpty ? path : path + "/" + file
            guard let groups = try SchemaFiles.read(name).arrayValue else {
                throw JSONSchemaError(.unreadableFile, at: name, "a test file must hold a list of groups")
            }
            for group in groups { try run(group, file: name, &report) }
        }
        return report
    }

    private func run(_ group: JSONValue, file: String, _ report: inout Report) throws(JSONSchemaError) {
        guard let schema = group["schema"], let tests = group["tests"]?.arrayValue else {
            throw JSONSchemaError(.unreadableFile, at: file, "a group must have a schema and tests")
        }
        let title = file + ": " + (group["description"]?.stringValue ?? "")
        let compiled: CompiledSchema
        do {
            compiled = try compiler.compile(schema)
        } catch {
            report.failed += tests.count
            report.failures.append("\(title): the schema does not compile: \(error)")
            return
        }
        for test in tests {
            guard let data = test["data"], let expected = test["valid"]?.boolValue else {
                throw JSONSchemaError(.unreadableFile, at: file, "a test must have data and valid")
            }
            let violations = compiled.violations(data)
            if violations.isEmpty == expected, compiled.isValid(data) == expected {
                report.passed += 1
            } else {
                report.failed += 1
                let name = test["description"]?.stringValue ?? ""
                let found = violations.first.map { "refused: \($0)" } ?? "accepted"
                report.failures.append("\(title): \(name): \(found)")
            }
        }
    }
}

/// Checks files against a schema file: what `schema validate` of the command line does.
package struct SchemaFileValidator: Sendable {
    /// The compiled schema.
    package let schema: CompiledSchema

    /// Compiles the schema in a file.
    ///
    /// Documents of `references` are known to it under their `$id`.
    ///
    /// - Throws: ``JSONSchemaError`` when a file cannot be read or compiled.
    package init(
        schema path: String,
        references: [String] = [],
        configuration: JSONSchemaCompiler.Configuration = .init()
    ) throws(JSONSchemaError) {
        var compiler = JSONSchemaCompiler(configuration: configuration)
        for reference in references {
            let document = try SchemaFiles.read(reference)
            try compiler.add(document, uri: document["$id"]?.stringValue ?? SchemaFiles.uri(reference))
        }
        schema = try compiler.compile(try SchemaFiles.read(path), baseURI: SchemaFiles.uri(path))
    }

    /// The violations of the document in a file; empty when it is valid.
    ///
    /// - Throws: ``JSONSchemaError`` when the file cannot be read or is not JSON.
    package func validate(_ path: String) throws(JSONSchemaError) -> [SchemaViolation] {
        schema.violations(try SchemaFiles.read(path))
    }
}

/// Reads documents from files.
package enum SchemaFiles {
    /// Greatest size of a file that is read: 16 MiB.
    package static let bytesMax = 16 * 1024 * 1024

    /// The JSON document in a file.
    ///
    /// - Throws: ``JSONSchemaError`` with the code ``JSONSchemaError/Code/unreadableFile``.
    package static func read(_ path: String) throws(JSONSchemaError) -> JSONValue {
        guard let file = fopen(path, "r") else {
            throw JSONSchemaError(
                .unreadableFile,
                at: path,
                "cannot open the file: \(String(cString: strerror(errno)))"
            )
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= bytesMax {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        guard ferror(file) == 0 else { throw JSONSchemaError(.unreadableFile, at: path, "cannot read the file") }
        do {
            return try JSONValue.parse(bytes, limits: JSONLimits(depthMax: 512, bytesMax: bytesMax))
        } catch {
            throw JSONSchemaError(.unreadableFile, at: path, error.description)
        }
    }

    /// The names of files in a folder that end in `suffix`, sorted, relative to the folder.
    ///
    /// - Throws: ``JSONSchemaError`` with the code ``JSONSchemaError/Code/unreadableFile``.
    package static func list(
        _ folder: String,
        suffix: String,
        isRecursive: Bool
    ) throws(JSONSchemaError) -> [String] {
        guard let directory = opendir(folder) else {
            throw JSONSchemaError(.unreadableFile, at: folder, "cannot open the folder")
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard !name.hasPrefix(".") else { continue }
            if name.hasSuffix(suffix) {
                names.append(name)
            } else if isRecursive, entry.pointee.d_type == UInt8(DT_DIR) {
                let inner = try list(folder + "/" + name, suffix: suffix, isRecursive: true)
                names += inner.map { name + "/" + $0 }
            }
        }
        return names.sorted()
    }

    /// The `file` URI of a path, for relative references between files.
    static func uri(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return "file:///" + path }
        defer { free(resolved) }
        return "file://" + String(cString: resolved)
    }
}
