/// The C modules of the package and the folders that may import them, as `Package.swift` and `Shared/CLibraries` say.
///
/// A library of the system belongs to the one module of ours that depends on it. C of our own may have several users,
/// each of which names it as a dependency: the compiler alone would let their dependents import it too.
struct CModules {
    /// Modules that wrap their C library in a folder of their own, so that the rest of them cannot touch it.
    private static let innerFolders = ["EventBus": "RDKafka", "Postgres": "LibPQ", "Redis": "Hiredis"]
    private static let librariesFolder = "Shared/CLibraries/"

    /// The folders that may import each module.
    private(set) var folders: [String: [String]] = [:]
    /// What is wrong with the list itself.
    private(set) var violations: [Violation] = []

    /// Reads the manifest.
    /// - Parameters:
    ///   - manifest: `Package.swift`.
    ///   - paths: All paths of the repository, for the folders of `Shared/CLibraries`.
    init(manifest: SourceFile, paths: [String]) {
        let systems = Set(manifest.text.matches(of: /\bsystem\(\s*"(\w+)"/).map { String($0.output.1) })
        let own = Set(manifest.text.matches(of: /\.target\(\s*name:\s*"(C[A-Z]\w*)"/).map { String($0.output.1) })
        let users = Self.users(manifest.text)
        for module in systems.union(own).sorted() {
            let its = users.filter { $0.dependencies.contains(module) }
            folders[module] = its.map { user in
                let inner = systems.contains(module) ? Self.innerFolders[user.name] : nil
                return inner.map { user.folder + "/" + $0 } ?? user.folder
            }
            if systems.contains(module), its.count != 1 {
                let names = its.map(\.name).joined(separator: ", ")
                let what = "\(module) is a dependency of one module, not of \(its.count): \(names)"
                violations.append(manifest.violation(0, what))
            }
        }
        let present = Set(
            paths.filter { $0.hasPrefix(Self.librariesFolder) }
                .compactMap { $0.dropFirst(Self.librariesFolder.count).split(separator: "/").first.map(String.init) }
        )
        for module in present.subtracting(folders.keys).sorted() {
            violations.append(Violation(path: Self.librariesFolder + module, line: 0, message: "no target has it"))
        }
    }

    /// The imports of C modules where they may not be.
    func imports(_ file: SourceFile) -> [Violation] {
        guard file.isSwift else { return [] }
        let statement = /^\s*(?:@\w+ )*(?:\w+ )?import (?:\w+ )?(C[A-Z]\w*)/
        return CodeChecks.matches(file, ["import "], statement).compactMap { line, module in
            guard let folders = folders[module], !folders.contains(where: { file.isUnder($0) }) else { return nil }
            let places = folders.isEmpty ? "nowhere" : "in \(folders.joined(separator: ", ")) only"
            return file.violation(line, "\(module) is imported \(places)")
        }
    }

    private static func users(_ text: String) -> [(name: String, folder: String, dependencies: [String])] {
        let call = /\b(shared|service|tests)\(\s*((?:folder:\s*)?"[^\[\]()]*?)\[([^\]]*)\]/
        return text.matches(of: call).compactMap { match in
            let strings = Self.strings(match.output.2)
            let folder =
                switch match.output.1 {
                case "shared": "Shared/\(strings[0])"
                case "service": "Services/\(strings.last ?? "")"
                default: "Tests/\(strings.joined(separator: "/"))"
                }
            return (strings.last ?? "", folder, Self.strings(match.output.3))
        }
    }

    private static func strings(_ text: Substring) -> [String] {
        text.matches(of: /"([^"]*)"/).map { String($0.output.1) }
    }
}
