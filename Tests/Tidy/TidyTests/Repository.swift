import Foundation

/// The files of the repository, read once.
struct Repository: Sendable {
    static let shared = Repository()

    /// The folder with `Package.swift`, found from where this file is.
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    private static let ignored: Set<String> = [".build", ".run", ".vendor", ".git", ".swiftpm", "__pycache__"]
    private static let textSuffixes = [
        ".swift", ".md", ".sh", ".sql", ".json", ".rego", ".yml", ".yaml", ".toml", ".c", ".h", ".py", ".html", ".js",
        ".css", ".modulemap", "Makefile", "Dockerfile", ".env", ".env.example",
    ]

    /// All paths from the root, files only.
    let paths: [String]
    /// The files that hold text.
    let files: [SourceFile]

    private init() {
        var paths: [String] = []
        let enumerator = FileManager.default.enumerator(atPath: Self.root)
        while let path = enumerator?.nextObject() as? String {
            let name = path.split(separator: "/").last.map(String.init) ?? ""
            if Self.ignored.contains(name) {
                enumerator?.skipDescendants()
            } else if enumerator?.fileAttributes?[.type] as? FileAttributeType == .typeRegular {
                paths.append(path)
            }
        }
        self.paths = paths.sorted()
        files = self.paths.filter { path in Self.textSuffixes.contains { path.hasSuffix($0) } }.compactMap { path in
            FileManager.default.contents(atPath: Self.root + "/" + path).map { data in
                SourceFile(path: path, text: String(decoding: data, as: UTF8.self))
            }
        }
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root + "/" + path)
    }
}
