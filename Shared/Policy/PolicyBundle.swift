import Glibc
package import JSON

/// A folder of policies: `*.rego` files and the `data.json` with their settings.
package struct PolicyBundle: Sendable, Equatable {
    /// One policy file.
    package struct Module: Sendable, Equatable {
        /// The file's name, which error messages name.
        package let name: String
        /// Its text.
        package let source: String

        /// Makes a module.
        package init(name: String, source: String) {
            self.name = name
            self.source = source
        }
    }

    /// The longest file, in bytes.
    package static let fileBytesMax = 4 << 20
    /// The most policy files.
    package static let modulesMax = 256

    /// The policy files, by name.
    package let modules: [Module]
    /// The settings, which policies see as `data`.
    package let data: JSONObject

    /// Makes a bundle out of texts.
    package init(modules: [Module], data: JSONObject = [:]) {
        self.modules = modules
        self.data = data
    }

    /// Reads a folder.
    ///
    /// Files that end in `_test.rego` are left out unless `withTests` is set; without a `data.json` the settings are
    /// empty. - Throws: ``PolicyError`` `unreadable`, with the file.
    package init(folder: String, withTests: Bool = false) throws {
        let names = try Self.fileNames(in: folder, withTests: withTests).filter { $0 != Self.dataName }
        guard !names.isEmpty else { throw PolicyError(.unreadable, "\(folder) has no .rego files") }
        guard names.count <= Self.modulesMax else {
            throw PolicyError(.unreadable, "\(folder) has more than \(Self.modulesMax) .rego files")
        }
        modules = try names.map { name in
            let bytes = try Self.contents(of: "\(folder)/\(name)")
            // A NUL would end the text for the engine, and the rules behind it would be missing without a word.
            guard let source = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
                throw PolicyError(.unreadable, "\(folder)/\(name) is not UTF-8 text")
            }
            return Module(name: name, source: source)
        }
        let dataPath = "\(folder)/\(Self.dataName)"
        guard access(dataPath, F_OK) == 0 else {
            data = [:]
            return
        }
        do {
            guard case .object(let object) = try JSONValue.parse(try Self.contents(of: dataPath)) else {
                throw PolicyError(.unreadable, "\(dataPath) is not a JSON object")
            }
            data = object
        } catch let error as JSONError {
            throw PolicyError(.unreadable, "\(dataPath) is not JSON: \(error)")
        }
    }

    private static let dataName = "data.json"

    /// The names of the files in a folder that count, in order.
    static func fileNames(in folder: String, withTests: Bool = false) throws -> [String] {
        try names(in: folder).filter { name in
            name == dataName || name.hasSuffix(".rego") && (withTests || !name.hasSuffix("_test.rego"))
        }.sorted()
    }

    private static func names(in folder: String) throws -> [String] {
        guard let directory = opendir(folder) else {
            throw PolicyError(.unreadable, "the policy folder \(folder) cannot be read (errno \(errno))")
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
            )
        }
        return names
    }

    private static func contents(of path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw PolicyError(.unreadable, "\(path) cannot be read (errno \(errno))") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            guard count >= 0 else { throw PolicyError(.unreadable, "\(path) cannot be read (errno \(errno))") }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= fileBytesMax else {
                throw PolicyError(.unreadable, "\(path) is longer than \(fileBytesMax) bytes")
            }
        }
    }
}
